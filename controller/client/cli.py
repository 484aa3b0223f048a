"""``ingot``: the only place of the command line that turns errors into exit statuses."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

import click

from controller.client.api import Api, Endpoint
from controller.client.errors import ClientError
from controller.client.events import events
from controller.client.image import image
from controller.client.node import node

_DEFAULT_URL = "http://127.0.0.1:6385"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("ingot"), prog_name="ingot")
@click.option("--url", envvar="INGOT_API_URL", default=_DEFAULT_URL, show_default=True, show_envvar=True, help="The controller.")  # fmt: skip
@click.option("--username", envvar="INGOT_USERNAME", show_envvar=True, help="For HTTP basic.")
@click.option("--password", envvar="INGOT_PASSWORD", show_envvar=True, help="Better not a flag.")
@click.option("--token", envvar="INGOT_TOKEN", show_envvar=True, help="Of Keystone; better not a flag.")  # fmt: skip
@click.option("--ca-file", envvar="INGOT_CA_FILE", show_envvar=True, help="Who signed its certificate.")  # fmt: skip
@click.option("--insecure", is_flag=True, help="Do not check its certificate.")
@click.pass_context
def cli(
    context: click.Context,
    *,
    url: str,
    username: str | None,
    password: str | None,
    token: str | None,
    ca_file: str | None,
    insecure: bool,
) -> None:
    """Deploy servers: a client of Ingot's controller, over its REST API."""
    context.obj = Api(
        Endpoint(
            url=url,
            username=username,
            password=password,
            token=token,
            ca_file=ca_file,
            is_insecure=insecure,
        )
    )


cli.add_command(node)
cli.add_command(image)
cli.add_command(events)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return 0 (what was asked for is so), 1 (it is not), 2 (wrong usage) or 130 (interrupted)."""
    try:
        cli.main(args=argv, prog_name="ingot", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("ingot: interrupted; the controller goes on by itself", err=True)
        return 130
    except ClientError as error:
        click.echo(f"ingot: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
