"""When to stop asking an endpoint at all: rather than reject every record of a long run, one by one."""

from irg.endpoint.errors import EndpointError, NoAnswer


class Patience:
    """Remembers failures that concern every later question, and how many in a row got no answer."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._num_unanswered = 0
        self._stopped: EndpointError | None = None

    def check(self) -> None:
        """Raises the EndpointError that ended the run, if one did."""
        if self._stopped is not None:
            raise EndpointError(self._stopped.reason, self._stopped.detail)

    def answered(self) -> None:
        self._num_unanswered = 0

    def failed(self, failure: EndpointError) -> EndpointError:
        """Remember a failure. Returns it, or what it means together with those before it."""
        if self._stopped is not None:
            return failure
        self._num_unanswered = self._num_unanswered + 1 if failure.reason.unanswered else 0
        if self._num_unanswered >= self._bound:
            text = f"{self._num_unanswered} requests in a row got no answer, the last: {failure}"
            failure = EndpointError(NoAnswer.UNAVAILABLE, text)
        if failure.reason.stops_run:
            self._stopped = failure
        return failure
