"""The service itself: root, sessions, accounts, tasks, registries, OData's own documents (DSP0266 7.10, 13)."""

from tests.lab.redfish.answers import Document
from tests.lab.redfish.documents.names import (
    HEALTHY,
    ROOT,
    Ids,
    action,
    collection,
    found,
    link,
    resource,
    system_path,
)
from tests.lab.redfish.state import ROLES, Task, View

VERSION = "1.20.0"
"""Of Redfish (DSP0266), as the service root has it."""
STREAM = f"{ROOT}/EventService/SSE"
"""Where events are streamed; no resource, so that nothing else is there."""
_STREAM_FILTERS = (
    "EventFormatType",
    "EventType",
    "MessageId",
    "MetricReportDefinition",
    "OriginResource",
    "RegistryPrefix",
    "ResourceType",
    "SubordinateResources",
)
EVENT_TYPES = ("StatusChange", "ResourceUpdated", "ResourceAdded", "ResourceRemoved", "Alert")
PRIVILEGES = {
    "Administrator": ("Login", "ConfigureManager", "ConfigureUsers", "ConfigureComponents", "ConfigureSelf"),
    "Operator": ("Login", "ConfigureComponents", "ConfigureSelf"),
    "ReadOnly": ("Login", "ConfigureSelf"),
}  # fmt: skip
_PARTS = (
    "Systems",
    "Managers",
    "Chassis",
    "SessionService",
    "AccountService",
    "UpdateService",
    "Registries",
)


def versions(view: View, ids: Ids) -> Document:
    return {"v1": f"{ROOT}/"}


def root(view: View, ids: Ids) -> Document:
    document = resource(
        ROOT + "/",
        "ServiceRoot.v1_17_0",
        "Root Service",
        Id="RootService",
        RedfishVersion=VERSION,
        UUID=view.facts.uuid,
        Product="Ingot laboratory BMC",
        Vendor="Ingot",
        ProtocolFeaturesSupported={
            "ExpandQuery": {
                "ExpandAll": True,
                "Levels": True,
                "MaxLevels": 2,
                "Links": True,
                "NoLinks": True,
            },
            "SelectQuery": True,
            "TopSkipQuery": True,
            "FilterQuery": False,
            "OnlyMemberQuery": True,
            "ExcerptQuery": False,
            "DeepOperations": {"DeepPATCH": False, "DeepPOST": False},
        },
        Links={"Sessions": link(f"{ROOT}/SessionService/Sessions")},
        Tasks=link(f"{ROOT}/TaskService"),
        **{part: link(f"{ROOT}/{part}") for part in _PARTS},
    )
    if not view.faults.without_optional:
        document["EventService"] = link(f"{ROOT}/EventService")
    return document


def odata(view: View, ids: Ids) -> Document:
    """Answer OData's service document: one entry per top-level resource."""
    value = [
        {"name": name, "kind": "Singleton", "url": f"{ROOT}/{name}"}
        for name in (*_PARTS, "TaskService")
    ]
    value.append({"name": "Service", "kind": "Singleton", "url": f"{ROOT}/"})
    return {"@odata.context": f"{ROOT}/$metadata", "value": value}


def session_service(view: View, ids: Ids) -> Document:
    return resource(
        f"{ROOT}/SessionService",
        "SessionService.v1_1_9",
        "Session Service",
        ServiceEnabled=True,
        Status=HEALTHY,
        SessionTimeout=view.state.session_timeout_s,
        Sessions=link(f"{ROOT}/SessionService/Sessions"),
    )


def sessions(view: View, ids: Ids) -> Document:
    path = f"{ROOT}/SessionService/Sessions"
    return collection(
        path, "SessionCollection", "Sessions", (f"{path}/{s.id}" for s in view.state.sessions)
    )


def session(view: View, ids: Ids) -> Document:
    one = found({s.id: s for s in view.state.sessions}, ids["id"])
    path = f"{ROOT}/SessionService/Sessions/{one.id}"
    return resource(path, "Session.v1_7_0", "User Session", UserName=one.username, Password=None)


def account_service(view: View, ids: Ids) -> Document:
    path = f"{ROOT}/AccountService"
    return resource(
        path,
        "AccountService.v1_13_0",
        "Account Service",
        ServiceEnabled=True,
        Status=HEALTHY,
        MinPasswordLength=8,
        MaxPasswordLength=64,
        Accounts=link(f"{path}/Accounts"),
        Roles=link(f"{path}/Roles"),
    )


def accounts(view: View, ids: Ids) -> Document:
    path = f"{ROOT}/AccountService/Accounts"
    paths = (f"{path}/{account.name}" for account in view.state.accounts)
    return collection(path, "ManagerAccountCollection", "Accounts", paths)


def account(view: View, ids: Ids) -> Document:
    one = found({account.name: account for account in view.state.accounts}, ids["id"])
    return resource(
        f"{ROOT}/AccountService/Accounts/{one.name}",
        "ManagerAccount.v1_10_0",
        "User Account",
        UserName=one.name,
        Password=None,
        RoleId=one.role,
        Enabled=one.enabled,
        Locked=False,
        AccountTypes=["Redfish"],
        Links={"Role": link(f"{ROOT}/AccountService/Roles/{one.role}")},
    )


def roles(view: View, ids: Ids) -> Document:
    path = f"{ROOT}/AccountService/Roles"
    return collection(path, "RoleCollection", "Roles", (f"{path}/{role}" for role in ROLES))


def role(view: View, ids: Ids) -> Document:
    privileges = found(PRIVILEGES, ids["id"])
    return resource(
        f"{ROOT}/AccountService/Roles/{ids['id']}",
        "Role.v1_3_1",
        "User Role",
        RoleId=ids["id"],
        IsPredefined=True,
        AssignedPrivileges=list(privileges),
        OemPrivileges=[],
    )


def task_service(view: View, ids: Ids) -> Document:
    path = f"{ROOT}/TaskService"
    return resource(
        path,
        "TaskService.v1_2_0",
        "Task Service",
        ServiceEnabled=True,
        Status=HEALTHY,
        CompletedTaskOverWritePolicy="Oldest",
        LifeCycleEventOnTaskStateChange=False,
        Tasks=link(f"{path}/Tasks"),
    )


def tasks(view: View, ids: Ids) -> Document:
    path = f"{ROOT}/TaskService/Tasks"
    return collection(path, "TaskCollection", "Tasks", (f"{path}/{t.id}" for t in view.state.tasks))


def task(view: View, ids: Ids) -> Document:
    return task_document(view, found({t.id: t for t in view.state.tasks}, ids["id"]))


def task_document(view: View, one: Task) -> Document:
    """Return a task as it stands: running, completed, or ended in an exception with its reason."""
    lasts_s = max(one.ends_s - one.starts_s, 0.001)
    percent = 100 if one.done else int(100 * (view.now_s - one.starts_s) / lasts_s)
    ended = "Exception" if one.failure else "Completed"
    is_waiting = one.waits_at_boots is not None
    # JSON writes some letters in several ways, and BMCs do: who looks for an address in it has to read it
    written = (one.payload or "").replace("/", "\\/").replace("&", "\\u0026")
    payload = {"Payload": {"HttpOperation": "POST", "JsonBody": written}}
    return resource(
        f"{ROOT}/TaskService/Tasks/{one.id}",
        "Task.v1_7_3",
        one.name,
        TaskState=ended if one.done else "Starting" if is_waiting else "Running",
        TaskStatus="Critical" if one.done and one.failure else "OK",
        PercentComplete=100 if one.done else 0 if is_waiting else max(0, min(99, percent)),
        TaskMonitor=f"{ROOT}/TaskService/TaskMonitors/{one.id}",
        Messages=[
            {"MessageId": "Base.1.18.GeneralError", "Message": one.failure, "Severity": "Critical"}
        ]
        if one.done and one.failure
        else [],
        **(payload if one.payload else {}),
    )


def event_service(view: View, ids: Ids) -> Document:
    path = f"{ROOT}/EventService"
    return resource(
        path,
        "EventService.v1_10_1",
        "Event Service",
        ServiceEnabled=True,
        Status=HEALTHY,
        DeliveryRetryAttempts=1,
        DeliveryRetryIntervalSeconds=1,
        EventTypesForSubscription=list(EVENT_TYPES),
        RegistryPrefixes=["Base"],
        EventFormatTypes=["Event"],
        ServerSentEventUri=STREAM,
        SSEFilterPropertiesSupported=dict.fromkeys(_STREAM_FILTERS, False),
        Subscriptions=link(f"{path}/Subscriptions"),
        Actions=action(path, "EventService.SubmitTestEvent", EventType=EVENT_TYPES),
    )


def subscriptions(view: View, ids: Ids) -> Document:
    path = f"{ROOT}/EventService/Subscriptions"
    paths = (f"{path}/{one.id}" for one in view.state.subscriptions)
    return collection(path, "EventDestinationCollection", "Subscriptions", paths)


def subscription(view: View, ids: Ids) -> Document:
    one = found({one.id: one for one in view.state.subscriptions}, ids["id"])
    return resource(
        f"{ROOT}/EventService/Subscriptions/{one.id}",
        "EventDestination.v1_14_0",
        "Subscription",
        Destination=one.destination,
        Context=one.context,
        Protocol="Redfish",
        SubscriptionType="SSE" if one.destination is None else "RedfishEvent",
        EventFormatType="Event",
        EventTypes=list(one.event_types),
        RegistryPrefixes=list(one.registry_prefixes),
        Status=HEALTHY,
    )


def registries(view: View, ids: Ids) -> Document:
    path = f"{ROOT}/Registries"
    names = ("Base.1.18.0", "BiosAttributeRegistry")
    return collection(
        path, "MessageRegistryFileCollection", "Registries", (f"{path}/{n}" for n in names)
    )


def registry(view: View, ids: Ids) -> Document:
    """Answer where a registry is: DMTF's at DMTF, the machine's own here."""
    places = {
        "Base.1.18.0": {
            "PublicationUri": "https://redfish.dmtf.org/registries/Base.1.18.0.json",
            "Language": "en",
        },
        "BiosAttributeRegistry": {"Uri": f"{system_path(view)}/Bios/Registry", "Language": "en"},
    }
    place = found(places, ids["id"])
    return resource(
        f"{ROOT}/Registries/{ids['id']}",
        "MessageRegistryFile.v1_1_3",
        f"{ids['id']} registry file",
        Languages=["en"],
        Registry=ids["id"].replace(".0", "")
        if ids["id"].startswith("Base")
        else "BiosAttributeRegistry.1.0",
        Location=[place],
    )
