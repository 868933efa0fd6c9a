"""The server of the page: this machine alone, and files of its own alone.

This file knows where it listens. Names of other hosts are refused, so that no page of
another site can ask it under a name of its own.
"""

from accelsim.errors import InputError

HOST = "127.0.0.1"
ALLOWED = [HOST, "localhost"]
MISSING = "explore: NiceGUI is missing: pip install 'accelsim[explorer]'"


def serve(query: str, port: int, *, show: bool) -> None:
    """Serve the explorer until it is stopped.

    query : of the address that the browser opens. show : open a browser.

    Raises
    ------
    InputError
        NiceGUI is not installed, the port is taken, or the address is wrong.
    """
    try:
        from nicegui import app, ui
        from starlette.middleware.trustedhost import TrustedHostMiddleware
        from starlette.requests import Request
    except ImportError:
        raise InputError(MISSING) from None
    from accelsim.explorer.design import read_address
    from accelsim.explorer.view import page

    read_address(query)
    _free(port)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=ALLOWED)

    @ui.page("/", title="accelsim explorer")
    def _page(request: Request) -> None:
        page(str(request.url.query))

    ui.run(
        host=HOST,
        port=port,
        title="accelsim explorer",
        dark=None,
        reload=False,
        show=f"/?{query}" if show else False,
        show_welcome_message=False,
        reconnect_timeout=10.0,
    )


def _free(port: int) -> None:
    """Refuse a port that is taken."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError as error:
            raise InputError(f"--port {port}: {error.strerror}") from None
