"""``ingot-controller``: the only place that turns errors into exit codes."""

import importlib
import os
import socket
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import make_url

from agent.protocol.secret_names import MASK
from controller.errors import ControllerError, SettingsError
from controller.load_settings import ENVIRONMENT_PREFIX, load_settings
from controller.log_output import set_up_logging
from controller.settings import Settings, secret_settings, setting_types
from controller.states import FAILED, STABLE, TRANSITIONS
from controller.store import sealed_rows
from controller.store.conductors import refuse_others
from controller.store.opening import database_url, key_path, open_store
from controller.store.state_lock import StateLock

_CONFIG_VARIABLE = f"{ENVIRONMENT_PREFIX}CONFIG"


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--config FILE`` and one option per setting; none for a password, which every list of processes would show."""
    for field in reversed(fields(Settings)):
        if field.name in secret_settings():
            continue
        kind = setting_types()[field.name]
        option = f"--{field.name.replace('_', '-')}"
        name = f"{option}/--no-{option[2:]}" if kind is bool else option
        decorate = click.option(name, field.name, type=None if kind is bool else kind, default=None)
        command = decorate(command)
    config = click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar=_CONFIG_VARIABLE,
        help="TOML file with settings.",
    )
    return config(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("ingot"), prog_name="ingot-controller")
def cli() -> None:
    """Turn a rack of powered-off servers into running machines, and back."""


@cli.command()
@_with_settings
def serve(config: Path | None, **flags: Any) -> None:
    """Run the controller until it is told to stop."""
    settings = _settings(config, flags)
    set_up_logging(settings.log_level)
    service = importlib.import_module(
        "controller.service"
    )  # a second that other commands are spared
    service.Service(settings).run()


@cli.command("settings")
@_with_settings
def show_settings(config: Path | None, **flags: Any) -> None:
    """Print the effective settings as TOML, without secrets."""
    settings = _settings(config, flags)
    for field in fields(Settings):
        click.echo(f"{field.name} = {_toml(field.name, getattr(settings, field.name))}")


@cli.command("migrate")
@_with_settings
def migrate_database(config: Path | None, **flags: Any) -> None:
    """Bring the database to this version's tables (serve does so by itself)."""
    open_store(_settings(config, flags)).close()
    click.echo("The database is up to date.")


@cli.command()
@click.option(
    "--file-is-shared",
    is_flag=True,
    help="The other controllers read this very key file (over the network).",
)
@_with_settings
def rekey(config: Path | None, file_is_shared: bool, **flags: Any) -> None:
    """Seal the secrets in the database with a new key and drop the old one; may run beside this host's controller."""
    settings = _settings(config, flags)
    store = open_store(settings)
    try:
        if not file_is_shared:
            refuse_others(store, settings.hostname or socket.gethostname())
        rows = sealed_rows.rekey(store)
    finally:
        store.close()
    click.echo(
        f"{rows} rows are sealed with a new key. Keep a copy of {key_path(settings)} apart from the database's "
        "backups; backups made before need the copy of before."
    )


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_with_settings
def backup(config: Path | None, file: Path, **flags: Any) -> None:
    """Write the database into FILE, of one moment, also while controllers run."""
    settings = _settings(config, flags)
    made = _backups().back_up(database_url(settings), file)
    sealed = (
        f"Its secrets are sealed with key {made.content.key_id}: without a copy of {key_path(settings)} it is useless, so "
        "keep one, apart from it."
    )
    click.echo(
        f"{file} has the database ({made.size_bytes} bytes, tables of revision {made.content.revision}). "
        f"{sealed if made.content.key_id else 'It has no secrets.'} The settings file and htpasswd_file are not in it."
    )


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_with_settings
def restore(config: Path | None, file: Path, **flags: Any) -> None:
    """Put the backup FILE in the place of the database; no controller may run, on any host."""
    settings = _settings(config, flags)
    directory = Path(settings.state_directory)
    lock = StateLock(directory, str(uuid.uuid4()))
    try:
        content = _backups().restore(
            database_url(settings), file, key_file=key_path(settings), scratch=directory
        )
    finally:
        lock.close()
    click.echo(
        f"The database is that of {file}, with tables of revision {content.revision}. What was in the middle of something "
        "when it was made has failed now; look at these machines, and at what was done since, before you go on."
    )


@cli.command()
def states() -> None:
    """Print the provision state machine as a Mermaid diagram."""
    click.echo(state_diagram())


def state_diagram() -> str:
    """Return the state table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> enroll"]
    states_in_order = list(dict.fromkeys(state for state, _event in TRANSITIONS))
    lines.extend(
        f'    state "{state.value}" as {_identifier(state.value)}'
        for state in states_in_order
        if state.value != _identifier(state.value)
    )
    lines.extend(
        f"    {_identifier(state.value)} --> {_identifier(target.value)}: {event.value}"
        for (state, event), target in TRANSITIONS.items()
    )
    for title, members in (("stable", STABLE), ("failed", FAILED)):
        names = ",".join(sorted(_identifier(state.value) for state in members))
        colour = "#dfd" if title == "stable" else "#fdd"
        lines += [f"    classDef {title} fill:{colour}", f"    class {names} {title}"]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status: 0, 1 (it failed) or 2 (wrong usage or settings)."""
    try:
        cli.main(args=argv, prog_name="ingot-controller", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    except SettingsError as error:
        click.echo(f"ingot-controller: {error}", err=True)
        return 2
    except ControllerError as error:
        click.echo(f"ingot-controller: {error}", err=True)
        return 1
    return 0


def _backups() -> Any:
    """Load what only backups need: drivers of databases, and migrations."""
    return importlib.import_module("controller.store.backup.order")


def _settings(config: Path | None, flags: Mapping[str, Any]) -> Settings:
    environment = {key: value for key, value in os.environ.items() if key != _CONFIG_VARIABLE}
    try:
        text = config.read_text() if config else ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {config} cannot be read: {error}") from error
    return load_settings(text, environment, flags)


def _toml(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if name == "database_url" and value:
        value = make_url(value).render_as_string(hide_password=True)
    if name in secret_settings() and value:
        value = MASK
    return f'"{value}"' if isinstance(value, str) else str(value)


def _identifier(text: str) -> str:
    return text.replace(" ", "_").replace("-", "_")


if __name__ == "__main__":
    sys.exit(main())
