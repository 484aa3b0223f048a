"""The agent's life: inspect if told to, look up, serve, beat, until it is told to end."""

import logging
import random
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.commands.command import Command
from agent.commands.executor import CommandExecutor
from agent.commands.identity import Identity
from agent.commands.results import ResultStore
from agent.errors import SettingError
from agent.hardware.registry import Hardware
from agent.lifecycle import loading
from agent.lifecycle.approach import Approach
from agent.lifecycle.heartbeat import Heartbeater
from agent.lifecycle.lookup import Patience, look_up
from agent.lifecycle.parts import AgentParts
from agent.lifecycle.readiness import (
    order_macs,
    wait_for_disks,
    wait_for_file,
)
from agent.lifecycle.screen import Screen, View, active_consoles, machine_words
from agent.lifecycle.wishes import wishes_of
from agent.protocol.commands import CommandStatus
from agent.protocol.lookup import ENDS, Heartbeat, LookupConfig
from agent.settings import Settings
from agent.system.certificate import Certificate
from agent.system.clock import SystemClock
from agent.system.log_output import LOGGED
from agent.system.power import PowerActions
from agent.system.rescue_login import RescueLogin
from agent.system.runner import Runner
from agent.system.status import StatusBoard, TroubleKeeper

if TYPE_CHECKING:
    from agent.api.server import ApiServer

log = logging.getLogger(__name__)
_HEALTH_INTERVAL_S = 5.0
_ANSWER_TRAVELS_S = 0.5


class Agent:
    """One run of the agent; everything that touches the machine is given to it."""

    def __init__(
        self,
        settings: Settings,
        hardware: Hardware,
        runner: Runner,
        power: PowerActions,
        clock: SystemClock,
        version: str,
    ) -> None:
        self._settings = settings
        self._hardware = hardware
        hardware.configure(wishes_of(settings))
        self._runner = runner
        self._version = version
        self._power = power
        self._clock = clock
        self._state = Path(settings.state_directory)
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._locked_down = threading.Event()
        self._random = random.SystemRandom()
        self._machine_words = ""
        self._board = StatusBoard()
        self._troubles = TroubleKeeper()
        for name in LOGGED:
            logging.getLogger(name).addHandler(self._troubles)
        self._heartbeater = Heartbeater(self._random.uniform, self._board)
        self._identity = Identity(self._state / "token", settings.agent_token)
        self._login = _rescue_login(settings)
        self._say_end: Callable[[], None] = lambda: None
        store = ResultStore(self._state / "commands")
        self._executor = CommandExecutor(self._commands, store, self._heartbeater.beat_now)
        self._parts = self._first_parts()
        self._loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load")
        self._late: Future[Mapping[str, Command]] = Future()

    def _first_parts(self) -> AgentParts:
        """Return what the commands are made of, before the controller's address is known."""
        return AgentParts(
            settings=self._settings,
            hardware=self._hardware,
            runner=self._runner,
            power=self._power,
            identity=self._identity,
            login=self._login,
            board=self._board,
            troubles=self._troubles,
            results=self._executor.results,
            asked=self._heartbeater.was_asked,
            rescued=self._wake.set,
            locked_down=self._lock_down,
            say_end=lambda: self._say_end(),  # noqa: PLW0108  # the lookup changes it
            wait=self._stop.wait,
            hostname=socket.gethostname(),
            version=self._version,
        )

    def _commands(self) -> Mapping[str, Command]:
        """Return every command, as soon as they are loaded.

        Raises:
            PluginError: They cannot be.
        """
        return self._late.result()

    def _load_commands(self) -> Mapping[str, Command]:
        """Load what is left when the first heartbeat was sent."""
        if self._settings.api_urls:
            self._heartbeater.has_tried.wait()
        return loading.load_commands(self._parts)

    def _end_if_failed(self, late: Future[Mapping[str, Command]]) -> None:
        """End an agent that cannot do all it should: a machine must not be cleaned by the wrong manager in silence."""
        if late.exception() is not None:
            self._wake.set()

    def _view(self) -> View:
        results = self._executor.results()
        running = [one for one in results if one.command_status is CommandStatus.RUNNING]
        return View(
            title=f"Ingot agent {self._version}",
            machine=self._machine_words,
            status=self._board.read(),
            running=running[-1] if running else None,
            last=results[-1] if results else None,
            trouble=self._troubles.last_error(),
        )

    def stop(self) -> None:
        """Make :meth:`run` return."""
        self._stop.set()
        self._wake.set()

    def run(self) -> None:
        """Work until :meth:`stop`.

        Raises:
            AgentError: The settings name no controller, the machine or the network is not there, the lookup failed, or a hardware
                manager cannot be loaded.
            OSError: The API's address cannot be used.
        """
        settings = self._settings
        self._machine_words = machine_words(self._hardware)
        screen = Screen(active_consoles() if settings.screen else (), self._view)
        screen.start()
        try:
            self._work()
        finally:
            self._heartbeater.stop()  # also for the loader, which waits for the first
            self._board.write(phase="ended")
            screen.stop()

    def _work(self) -> None:
        settings = self._settings
        if self._login.is_open:
            self._board.write(phase="open to whoever rescues the machine")
            self._be_idle()
            return
        if settings.network_ready_file:
            self._board.write(phase="waiting for the network")
            log.info("waiting for the network", extra={"file": settings.network_ready_file})
            wait_for_file(Path(settings.network_ready_file), self._stop.wait)
        self._settings = settings = loading.find_addresses(settings)
        self._parts = replace(self._parts, settings=settings)
        approach = Approach(settings, self._hardware, self._runner, self._clock, self._stop)
        inspected_by = settings.inspection_urls
        self._board.write(controller=(settings.api_urls or inspected_by or (None,))[0])
        node_uuid = self._inspect(approach, inspected_by) if inspected_by else None
        if settings.api_urls:
            server = self._join_controller(approach, node_uuid)
        elif settings.standalone:
            server = self._serve("127.0.0.1", None)[0]
        elif inspected_by:
            self._board.write(phase="inspected; nothing more to do")
            log.info("inspected and without ipa-api-url: nothing more to do")
            self._stop.wait()
            return
        else:
            raise SettingError(
                "no ipa-api-url on the kernel command line: give the controller's address"
            )
        self._serve_until_woken(server)

    def _serve_until_woken(self, server: "ApiServer") -> None:
        """Serve until the agent is told to end, the machine is handed over to a person, or shall be cut off."""
        while not self._wake.wait(_HEALTH_INTERVAL_S):
            server.must_run()
            self._heartbeater.must_run()
        self._heartbeater.stop()
        if self._late.done():
            self._late.result()  # raises what kept the commands from being loaded
        if self._locked_down.is_set() or self._login.is_open:
            self._stop.wait(_ANSWER_TRAVELS_S)
        server.stop()
        if self._locked_down.is_set():
            self._be_cut_off()
        elif self._login.is_open:
            self._be_idle()

    def _lock_down(self) -> None:
        self._locked_down.set()
        self._wake.set()

    def _be_cut_off(self) -> None:
        """Leave a machine that waits for its reset; nothing gets in or out until then."""
        self._identity.forget_token()
        self._board.write(phase="locked down: waiting for a reset")
        log.info("locked down: nothing is served, and the network cards are switched off")
        self._power.isolate([nic.name for nic in self._hardware.nics()])
        self._stop.wait()

    def _be_idle(self) -> None:
        """Leave a machine that is being rescued to the person who is on it; a restarted agent does so, too."""
        self._identity.forget_token()
        log.info("this machine is being rescued: nothing is served and nothing more is done")
        self._stop.wait()

    def _join_controller(self, approach: Approach, node_uuid: str | None) -> "ApiServer":
        """Look up, serve and start the heartbeats; what does not depend on each other is done at the same time."""
        settings = self._settings
        self._board.write(phase="looking up which node this is")
        self._loader.submit(loading.import_api)  # start_api waits for it, and raises what it raises
        client, host = approach.to_controller()
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="prepare") as pool:
            certificate = (
                pool.submit(approach.certificate, host, self._parts.hostname)
                if settings.tls
                else None
            )
            disks: Future[None] = pool.submit(
                wait_for_disks,
                self._hardware,
                settings.disk_wait_attempts * settings.disk_wait_delay_s,
                self._stop.wait,
            )
            known = node_uuid or self._identity.node_uuid
            found = look_up(client, self._macs, known, self._identity, self._patience())
            self._board.heard()
            self._board.write(node=found.node.uuid)
            self._identity.learn_node(
                {
                    "uuid": found.node.uuid,
                    "properties": found.node.properties,
                    "instance_info": found.node.instance_info,
                    "driver_internal_info": found.node.driver_internal_info,
                }
            )
            disks.result()
            self._hardware.configure(wishes_of(settings, found.config))
            made = certificate.result() if certificate is not None else None
        log.info("this machine is known", extra={"node": found.node.uuid})
        server, url = self._serve(host, made, found.config)
        beat = self._heartbeat_body(url, made)
        self._say_end = lambda: client.heartbeat(
            found.node.uuid, msgspec.structs.replace(beat(), agent_status=ENDS)
        )
        self._heartbeater.start(
            lambda: client.heartbeat(found.node.uuid, beat()), found.config.heartbeat_timeout
        )
        return server

    def _serve(
        self, host: str, certificate: Certificate | None, config: LookupConfig | None = None
    ) -> "tuple[ApiServer, str]":
        """Start the API and the loading of what it can be asked for; return its server and the URL to call it at."""
        self._late = self._loader.submit(self._load_commands)
        self._late.add_done_callback(self._end_if_failed)
        return loading.start_api(self._parts, self._executor, host, certificate, config)

    def _inspect(self, approach: Approach, urls: Sequence[str]) -> str | None:
        self._board.write(phase="inspecting")
        return loading.inspect(self._parts, approach.to_inspection(urls), self._stop.wait)

    def _macs(self) -> tuple[str, ...]:
        return order_macs(self._hardware.nics(), self._settings.boot_mac)

    def _patience(self) -> Patience:
        return Patience(
            timeout_s=self._settings.lookup_timeout_s,
            interval_s=self._settings.lookup_interval_s,
            uniform=self._random.uniform,
            wait=self._stop.wait,
        )

    def _heartbeat_body(self, url: str, certificate: Certificate | None) -> Callable[[], Heartbeat]:
        return lambda: Heartbeat(
            callback_url=url,
            agent_token=self._identity.token,
            agent_version=self._version,
            agent_verify_ca=certificate.pem if certificate is not None else None,
        )


def _rescue_login(settings: Settings) -> RescueLogin:
    state = Path(settings.state_directory)
    return RescueLogin(
        password_file=Path(settings.rescue_password_file),
        answer_file=state / "rescue-login",
        mark=state / "rescued",
        ssh_port=settings.rescue_ssh_port,
    )
