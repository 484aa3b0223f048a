"""Every table: who looks at all of them (migrations, sealing) has them from here, whatever else the program has loaded."""

from controller.store.allocations import Allocation
from controller.store.base import Base
from controller.store.chassis import Chassis
from controller.store.deploy_templates import DeployTemplate
from controller.store.firmware import BiosSetting, FirmwareComponent
from controller.store.inspection_rules import InspectionRule
from controller.store.notifications import Notification, NotificationCounter, WebhookPlace
from controller.store.portgroups import Portgroup
from controller.store.runbooks import Runbook
from controller.store.volumes import VolumeConnector, VolumeTarget

ELSEWHERE = (
    Allocation,
    BiosSetting,
    Chassis,
    DeployTemplate,
    FirmwareComponent,
    InspectionRule,
    Notification,
    NotificationCounter,
    Portgroup,
    Runbook,
    VolumeConnector,
    VolumeTarget,
    WebhookPlace,
)
"""Tables with modules of their own."""
METADATA = Base.metadata
