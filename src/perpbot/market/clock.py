"""How far an exchange's clock is from ours."""


class ClockOffset:
    """Receive time − exchange time of the fastest message seen, in ns.

    It holds the difference of the two clocks and the shortest way here. What is slower than the fastest message was
    delayed, so ages taken after removing the offset are never negative.
    """

    __slots__ = ("offset_ns",)

    def __init__(self) -> None:
        self.offset_ns: int | None = None

    def observe(self, engine_ns: int, received_ns: int) -> None:
        """Take a message into account."""
        delay = received_ns - engine_ns
        if self.offset_ns is None or delay < self.offset_ns:
            self.offset_ns = delay

    def age_ns(self, engine_ns: int, now_ns: int) -> int:
        """How long ago on our clock a thing of ``engine_ns`` reached us at the earliest."""
        return now_ns - engine_ns - (self.offset_ns or 0)
