"""The base of what each layer raises when it does not do what it was asked."""


class Refusal(Exception):
    """Something is not done, at least not now.

    `code` is stable: the log, the metrics and the records hold it, and `proxy.web.problems` says
    what a client gets for it. `wait_s` is in seconds, None where waiting does not help.
    """

    def __init__(self, code: str, wait_s: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.wait_s = wait_s
