"""The command `edi834`: all of `pipeline/cli.py`, and the console, which stands above it."""

from typing import Annotated, Any

import typer

from pipeline import cli, terminal
from schemas.errors import Terminal

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
PORT = 8340
FIRST = "admin"

console = typer.Typer(
    invoke_without_command=True, help="The console in a browser: `edi834 console` opens it."
)
cli.app.add_typer(console, name="console")


def main() -> None:
    """Runs the command line."""
    cli.main()


@console.callback()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = PORT,
) -> None:
    """Open the console, until Ctrl-C. The first time, it prints how to sign in.

    Exit code 0: it was closed; 2: it cannot be opened.
    """
    if context.invoked_subcommand is not None:
        return
    from console.opening import open_console
    from console.serving import serve as serve_until_stopped
    from pipeline.guarding import PLAIN
    from pipeline.settings import load_settings

    settings = load_settings()
    public = settings.console.public_url
    if public is not None and not public.startswith("https://"):
        raise Terminal("Setting console.public_url is not https://…. Correct it.")
    if host not in _LOOPBACK and public is None:
        raise Terminal(
            f"{host} can be reached from elsewhere. Put TLS before the console, and set "
            "console.public_url to the https:// address by which browsers reach it."
        )
    if settings.encryption is None:
        terminal.fail(PLAIN.format(home=settings.home))
    terminal.silence_logs()
    with open_console(settings) as house:
        password = None if settings.console.openid else _first_account(house)
        serve_until_stopped(house, host, port, lambda url: _opened(public or url, password))


def _opened(url: str, password: str | None) -> None:
    terminal.out.print(f"The console is open: {url}", soft_wrap=True)
    if password is not None:
        terminal.out.print(
            f"Sign in as {FIRST} with the password {password} (it is not shown again; "
            "`edi834 console account admin …` makes another one)",
            soft_wrap=True,
        )
    terminal.out.print("Ctrl-C closes it.")


def _first_account(house: Any) -> str | None:
    """The password of a first local account with all roles, made when there is no account."""
    from console.access import load_access
    from console.accounts import ALL_PARTNERS, Grant, has_accounts, set_local_account
    from console.passwords import make_password

    with house.engine.begin() as conn:
        if has_accounts(conn):
            return None
        password = make_password()
        grant = Grant(list(load_access().roles), [ALL_PARTNERS])
        set_local_account(conn, FIRST, password, grant, "edi834 console")
    return password


@console.command("account")
def make_account(
    name: Annotated[str, typer.Argument(help="The name by which the person signs in.")],
    role: Annotated[list[str], typer.Option(help="A role; may be given several times.")],
    partner: Annotated[
        list[str] | None, typer.Option(help="A partner that the person sees; all by default.")
    ] = None,
) -> None:
    """Make a local account, or give it another password, roles and partners.

    The password is printed once.
    """
    from console.accounts import ALL_PARTNERS, Grant, set_local_account
    from console.opening import open_console
    from console.passwords import make_password
    from pipeline.operators import account
    from pipeline.settings import load_settings

    terminal.silence_logs()
    with open_console(load_settings()) as house:
        for one in partner or ():
            house.partner(one)
        password = make_password()
        with house.engine.begin() as conn:
            grant = Grant(role, partner or [ALL_PARTNERS])
            set_local_account(conn, name, password, grant, account())
    terminal.out.print(f"{name} signs in with the password {password}", soft_wrap=True)


if __name__ == "__main__":
    main()
