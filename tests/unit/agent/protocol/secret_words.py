"""Names that secrets have, in every way to write them, and names that have none."""

from hypothesis import strategies as st

SECRET = "geheim4711"
SECRET_KEYS = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "private key",
    "ssh key",
    "api key",
    "access key",
    "account key",
    "encryption key",
    "kg",
    "kg key",
    "hex kg key",
    "pem",
    "psk",
    "sig",
    "cred",
    "creds",
    "pass",
    "passcode",
)
PREFIXES = ("", "ipmi", "x", "redfish", "storage")
SEPARATORS = ("_", "-", ".", " ")
SIGNED = (
    "sig",
    "Signature",
    "X-Amz-Signature",
    "x-amz-signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Goog-Signature",
    "X-Goog-Credential",
    "GoogleAccessId",
    "AWSAccessKeyId",
    "OSSAccessKeyId",
    "Policy",
    "token",
    "agent_token",
)
PUBLIC = (
    "se",
    "sp",
    "sv",
    "Expires",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Algorithm",
    "part",
    "alt",
)
keys = st.builds(
    lambda prefix, key, separator, style: style(
        separator.join([*([prefix] if prefix else []), *key.split(" ")])
    ),
    st.sampled_from(PREFIXES),
    st.sampled_from(SECRET_KEYS),
    st.sampled_from(SEPARATORS),
    st.sampled_from((str.lower, str.upper, str.title)),
)
words = st.text(alphabet="abcXYZ019", min_size=1, max_size=12)
