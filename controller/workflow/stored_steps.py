"""Steps that a verb gets from what is stored: the deploy templates that an instance's traits choose, and the runbook that a client names.

Source: Ironic's ``conductor/steps.py``: a template is chosen by its name, the steps of the request stand before those of templates,
and no step may be in two templates; its ``_handle_runbook``: the node must have a trait of the runbook, which before API 1.112 was its
name. They are read once, when the verb is taken: one that changes or goes meanwhile changes no workflow that runs. (Ironic reads
templates again for each plan.)
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from controller.errors import Invalid
from controller.hardware.steps import Kind
from controller.store.deploy_templates import DeployTemplate, templates_named
from controller.store.runbooks import Runbook, get_runbook
from controller.store.tables import Node
from controller.workflow.verb_request import ProvisionRequest

Steps = list[dict[str, Any]]


class Order(ProvisionRequest, frozen=True, kw_only=True):
    """A request with the steps that are stored for it."""

    templates: tuple[str, ...] = ()
    """Names of the deploy templates whose steps take part."""
    template_steps: Steps = msgspec.field(default_factory=list)

    def steps(self, kind: Kind) -> Steps:
        """Return the steps that a workflow begins with: those of the request, then those of templates that it does not have."""
        asked: Steps = getattr(self, f"{kind}_steps") or []
        if kind is not Kind.DEPLOY:
            return asked
        ids = {_id(step) for step in asked}
        return [*asked, *(step for step in self.template_steps if _id(step) not in ids)]


def with_stored_steps(
    session: Session,
    node: Node,
    request: ProvisionRequest,
    kind: Kind | None,
    *,
    runbooks_by_name: bool = False,
) -> Order:
    """Return the request with the steps that belong to it.

    Args:
        session: The transaction in which the verb is taken.
        node: The locked row.
        request: What the client sent.
        kind: The steps that the verb takes; ``None`` = none.
        runbooks_by_name: The node may use a runbook that is called like one of its traits, and no other.

    Raises:
        Invalid: Two of the node's templates have the same step, or the runbook is not meant for the node.
        NotFound: There is no such runbook.
    """
    given = {name: getattr(request, name) for name in ProvisionRequest.__struct_fields__}
    if kind is not None and request.runbook:
        runbook = get_runbook(session, request.runbook)
        _refuse_foreign(runbook, node, by_name=runbooks_by_name)
        stored = {f"{kind}_steps": [dict(step) for step in runbook.steps]}
        return Order(**given | stored | {"disable_ramdisk": runbook.disable_ramdisk})
    if kind is not Kind.DEPLOY:
        return Order(**given)
    templates = chosen_templates(session, node)
    return Order(
        **given,
        templates=tuple(one.name for one in templates),
        template_steps=template_steps(templates),
    )


def _refuse_foreign(runbook: Runbook, node: Node, *, by_name: bool) -> None:
    """Refuse a runbook that the node has no trait for."""
    wanted = [runbook.name] if by_name else runbook.traits
    if not wanted:
        raise Invalid(
            f"runbook {runbook.name} has no traits, so no node may use it; give it a trait (PUT of its traits)"
        )
    if not set(wanted) & set(node.traits or []):
        raise Invalid(
            f"runbook {runbook.name} is not meant for node {node.uuid}, which has none of its traits: {', '.join(wanted)}; "
            "give the node one of them"
        )


def chosen_templates(session: Session, node: Node) -> tuple[DeployTemplate, ...]:
    """Return the templates that the traits of the node's instance choose; traits of another form choose none."""
    wanted = node.instance_info.get("traits")
    names = [one for one in wanted if isinstance(one, str)] if isinstance(wanted, list) else []
    return templates_named(session, names) if names else ()


def template_steps(templates: Sequence[DeployTemplate]) -> Steps:
    """Return the steps of all templates together.

    Raises:
        Invalid: Two have the same step.
    """
    steps = [dict(step) for one in templates for step in one.steps]
    counts = Counter(_id(step) for step in steps)
    if twice := sorted(f"{interface}.{step}" for (interface, step), n in counts.items() if n > 1):
        names = ", ".join(one.name for one in templates)
        raise Invalid(
            f"deploy steps {', '.join(twice)} are in several of the deploy templates {names}, which instance_info.traits chooses; "
            "leave a trait out, or the step in all templates but one"
        )
    return steps


def _id(step: Mapping[str, Any]) -> tuple[Any, Any]:
    return step.get("interface"), step.get("step")
