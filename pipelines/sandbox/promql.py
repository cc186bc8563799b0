"""The part of PromQL that the sandbox's Prometheus understands: selectors, two functions over a stretch of time, three aggregations.

    max by (namespace) (last_over_time(jupyterhub_active_users{period="30d"}[6h]))

https://prometheus.io/docs/prometheus/latest/querying/basics/. What Prometheus would not understand either is a :class:`ParseError`, in
words like its own; what only the sandbox lacks is :class:`NotBuilt`.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
# (labels, times, values), in the order of time
Series = tuple[dict[str, str], list[float], list[float]]

LOOKBACK_SECONDS: Final = 300  # how old a sample may be where no stretch of time is given
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<duration>(?:\d+(?:ms|[smhdwy]))+)|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_:][\w:]*)|(?P<sign>=~|!~|!=|==|[={}()\[\],])|(?P<operator>[-+*/%^<>@]|>=|<=)|(?P<end>$)|(?P<strange>.))",
    re.DOTALL,
)


def _greatest(values: list[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def _least(values: list[float]) -> float:
    return min((value for value in values if not math.isnan(value)), default=math.nan)


_OVER_TIME: Final[dict[str, Callable[[list[float]], float]]] = {
    "last_over_time": lambda values: values[-1],
    "max_over_time": _greatest,
}
_AGGREGATIONS: Final[dict[str, Callable[[list[float]], float]]] = {"max": _greatest, "min": _least, "sum": sum}
_NOT_BUILT_WORDS: Final = frozenset(
    {
        *(
            "avg",
            "count",
            "group",
            "stddev",
            "stdvar",
            "topk",
            "bottomk",
            "quantile",
            "count_values",
            "without",
            "offset",
            "and",
            "or",
        ),
        *(
            "unless",
            "on",
            "ignoring",
            "group_left",
            "group_right",
            "bool",
            "rate",
            "irate",
            "increase",
            "delta",
            "deriv",
            "round",
        ),
        *("avg_over_time", "min_over_time", "sum_over_time", "count_over_time", "quantile_over_time", "present_over_time"),
        *(
            "label_replace",
            "label_join",
            "vector",
            "scalar",
            "absent",
            "time",
            "clamp",
            "ceil",
            "floor",
            "sort",
            "histogram_quantile",
        ),
    }
)
_MATCHES: Final[dict[str, Callable[[str, str], bool]]] = {
    "=": lambda held, asked: held == asked,
    "!=": lambda held, asked: held != asked,
    "=~": lambda held, asked: re.fullmatch(asked, held) is not None,
    "!~": lambda held, asked: re.fullmatch(asked, held) is None,
}


class ParseError(Exception):
    """The expression is none; the words are those after ``invalid parameter "query": ``."""


class NotBuilt(Exception):
    """Prometheus knows it, the sandbox does not."""


@dataclass(frozen=True)
class Selector:
    """Series by name and labels; with ``seconds`` all samples of such a stretch, else the last one within the lookback."""

    matchers: tuple[tuple[str, str, str], ...]
    seconds: float | None = None

    def fits(self, labels: dict[str, str]) -> bool:
        """Return whether a series is meant."""
        return all(_MATCHES[sign](labels.get(name, ""), asked) for name, sign, asked in self.matchers)


@dataclass(frozen=True)
class OverTime:
    """A function over the samples of a stretch."""

    function: str
    selector: Selector


@dataclass(frozen=True)
class Aggregation:
    """The series of a vector, put together by labels."""

    function: str
    labels: tuple[str, ...]
    inner: Expression


Expression = Selector | OverTime | Aggregation


def parsed(text: str) -> Expression:
    """Return the expression that ``text`` says. Raises ParseError and NotBuilt."""
    return _Parser(text).whole()


def value_at(expression: Expression, series: list[Series], moment: float) -> Vector:
    """Return the value of ``expression`` at one instant, by labels."""
    if isinstance(expression, Selector):
        # the name of the metric stays, as Prometheus leaves it
        return {labels: values[-1] for labels, values in _samples(expression, series, moment, LOOKBACK_SECONDS)}
    if isinstance(expression, OverTime):
        choose, selector = _OVER_TIME[expression.function], expression.selector
        keeps_name = expression.function == "last_over_time"
        return {
            labels if keeps_name else tuple(pair for pair in labels if pair[0] != "__name__"): choose(values)
            for labels, values in _samples(selector, series, moment, selector.seconds or 0)
        }
    groups: dict[Labels, list[float]] = {}
    for labels, value in value_at(expression.inner, series, moment).items():
        groups.setdefault(tuple(pair for pair in labels if pair[0] in expression.labels), []).append(value)
    return {labels: _AGGREGATIONS[expression.function](values) for labels, values in groups.items()}


def reach(expression: Expression) -> float:
    """Return how many seconds before an instant the samples lie that its value may rest on."""
    if isinstance(expression, Aggregation):
        return reach(expression.inner)
    selector = expression.selector if isinstance(expression, OverTime) else expression
    return selector.seconds or LOOKBACK_SECONDS


def shown(value: float) -> str:
    """Return a value as Prometheus writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)


def _samples(selector: Selector, series: list[Series], moment: float, seconds: float) -> Iterator[tuple[Labels, list[float]]]:
    for labels, times, values in series:
        first, last = bisect_right(times, moment - seconds), bisect_right(times, moment)
        if first < last and selector.fits(labels):
            yield tuple(sorted(labels.items())), values[first:last]


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._tokens, self._next = text, list(_tokens(text)), 0

    def whole(self) -> Expression:
        expression = self._expression()
        self._take("end")
        if isinstance(expression, Selector) and expression.seconds is not None:
            raise ParseError('invalid expression type "range vector" for range query, must be Scalar or instant Vector')
        return expression

    def _expression(self) -> Expression:
        kind, word, _ = self._peek()
        if kind == "sign" and word == "{":
            return self._selector()
        if kind != "name":
            self._fail()
        following = self._tokens[self._next + 1][1]
        if word in _AGGREGATIONS and following in {"(", "by"}:
            return self._aggregation()
        if word in _OVER_TIME and following == "(":
            return self._over_time()
        if word in _NOT_BUILT_WORDS:
            raise NotBuilt(word)
        if following == "(":
            raise ParseError(f'{self._place()}: parse error: unknown function with name "{word}"')
        return self._selector()

    def _aggregation(self) -> Aggregation:
        function = self._take("name")
        labels = self._by()
        self._take("sign", "(")
        inner = self._expression()
        self._take("sign", ")")
        if isinstance(inner, Selector) and inner.seconds is not None:
            raise ParseError(
                f"{self._place()}: parse error: expected type instant vector in aggregation expression, got range vector"
            )
        return Aggregation(function, labels or self._by(), inner)

    def _by(self) -> tuple[str, ...]:
        if self._peek()[1] != "by":
            if self._peek()[1] in _NOT_BUILT_WORDS:
                raise NotBuilt(self._peek()[1])
            return ()
        self._take("name")
        self._take("sign", "(")
        labels = []
        while self._peek()[1] != ")":
            labels.append(self._take("name"))
            if self._peek()[1] != ")":
                self._take("sign", ",")
        self._take("sign", ")")
        return tuple(labels)

    def _over_time(self) -> OverTime:
        function = self._take("name")
        self._take("sign", "(")
        selector = self._selector()
        self._take("sign", ")")
        if selector.seconds is None:
            raise ParseError(
                f'{self._place()}: parse error: expected type range vector in call to function "{function}", got instant vector'
            )
        return OverTime(function, selector)

    def _selector(self) -> Selector:
        matchers = []
        if self._peek()[0] == "name":
            matchers.append(("__name__", "=", self._take("name")))
        if self._peek()[1] == "{":
            self._take("sign", "{")
            while self._peek()[1] != "}":
                matchers.append(self._matcher())
                if self._peek()[1] != "}":
                    self._take("sign", ",")
            self._take("sign", "}")
        if not matchers:
            raise ParseError(f"{self._place()}: parse error: vector selector must contain at least one non-empty matcher")
        seconds = None
        if self._peek()[1] == "[":
            self._take("sign", "[")
            seconds = seconds_of(self._take("duration"))
            if self._peek()[1].startswith(":"):
                raise NotBuilt("subqueries")
            self._take("sign", "]")
        return Selector(tuple(matchers), seconds)

    def _matcher(self) -> tuple[str, str, str]:
        name, sign = self._take("name"), self._peek()[1]
        if sign not in _MATCHES:
            self._fail()
        self._take("sign", sign)
        asked = re.sub(r"\\(.)", r"\1", self._take("text")[1:-1])
        try:
            re.compile(asked if "~" in sign else "")
        except re.error as error:
            raise ParseError(f"{self._place()}: parse error: error parsing regexp: {error}") from None
        return name, sign, asked

    def _peek(self) -> tuple[str, str, int]:
        return self._tokens[self._next]

    def _take(self, kind: str, word: str | None = None) -> str:
        found, text, _ = self._peek()
        if found != kind or (word is not None and text != word):
            self._fail()
        self._next += found != "end"
        return text

    def _fail(self) -> Any:
        kind, word, _ = self._peek()
        if kind in {"operator", "number"} or word in _NOT_BUILT_WORDS:
            raise NotBuilt(word)
        raise ParseError(f"{self._place()}: parse error: unexpected {'end of input' if kind == 'end' else repr(word)}")

    def _place(self) -> str:
        return f"1:{self._peek()[2] + 1}"


def seconds_of(duration: str) -> float:
    """Return the seconds of a duration such as ``1h30m``. Raises ValueError."""
    parts = re.findall(r"(\d+)(ms|[smhdwy])", duration)
    if not parts or "".join(map("".join, parts)) != duration:
        raise ValueError(duration)
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    position = 0
    while True:
        match = _TOKEN.match(text, position)
        kind = (match.lastgroup if match else None) or "end"
        if match is None or kind == "end":
            yield "end", "", len(text)
            return
        yield kind, match[kind], match.start(kind)
        position = match.end()
