"""How the controller asks Keystone who calls; the names are those of Ironic's section ``[keystone_authtoken]``, with ``keystone_``."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)  # a class has one base with slots, which is another
class KeystoneSettings:
    """A part of ``Settings``, for ``auth_strategy = "keystone"``."""

    keystone_auth_url: str = ""
    """Keystone's address as this controller reaches it, such as ``https://keystone.example/v3``."""
    keystone_www_authenticate_uri: str = ""
    """Keystone's address as people reach it, told to those who have no token; empty: ``keystone_auth_url``."""
    keystone_username: str = ""
    """The controller's own user, who may validate tokens: with the role ``service`` in a project, say."""
    keystone_password: str = field(default="", repr=False)
    """Its password; in the settings file or the environment, there is no option of this name."""
    keystone_user_domain_name: str = "Default"
    """The domain of that user."""
    keystone_project_name: str = "service"
    """The project that the user logs in to; empty with ``keystone_system_scope``."""
    keystone_project_domain_name: str = "Default"
    """The domain of that project."""
    keystone_system_scope: str = ""
    """``all``: the user logs in to the whole system, not to a project."""
    keystone_interface: str = "internal"
    """Which of Keystone's addresses in its catalog is asked: ``internal``, ``public`` or ``admin``."""
    keystone_region_name: str = ""
    """Region of that address; empty: the first."""
    keystone_cafile: str = ""
    """File of the certificate authorities that Keystone's certificate is checked with; empty: the system's."""
    keystone_service_token_roles: str = "service"  # noqa: S105  # the name of a role
    """Roles, with commas between, one of which who sends ``X-Service-Token`` must have."""
    keystone_token_cache_s: float = 300.0
    """For how long Keystone's word about a token counts; one that is revoked meanwhile gets in. 0 = it is asked each time."""
    keystone_timeout_s: float = 10.0
    """Longest wait for Keystone, for one request; then that is answered with 503."""
