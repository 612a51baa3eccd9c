"""The rules on what a gate tells when nothing moves. One without them is safe, and leaves more unknown."""

from edge.gate.conformance.daemon import PlayedDaemon
from edge.gate.conformance.verdicts import Broken, Rule, in_words, outcomes, require_fired, require_not_fired


def asked(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """Answers that were lost: what was fired says so again, what waits goes on to, what never came never moves."""
    done = daemon.send(daemon.decision())
    require_fired(daemon, done, tolerance_ms)
    lost = daemon.decision(act_in_ms=1_500, valid_ms=2_000.0)
    waiting = daemon.send(daemon.decision(act_in_ms=700, valid_ms=1_200.0))
    daemon.run(0.1)
    daemon.ask(done, lost, waiting)
    daemon.run(0.3 + daemon.answer_ms / 1000)
    found = [outcomes(daemon, one) for one in (done, lost, waiting)]
    if found[0] != ["fired", "fired"] or found[1] not in (["expired"], ["unknown"]) or found[2]:
        said = ", ".join(f"[{in_words(one)}]" for one in found)
        raise Broken(f"expected [fired, fired], [expired] and nothing yet, found {said}")
    fired = require_fired(daemon, waiting, tolerance_ms)
    daemon.send(lost)
    return f"told again; what waited: {fired}; what never came: {require_not_fired(daemon, lost)}"


def reports(daemon: PlayedDaemon, _tolerance_ms: float) -> str:
    """What it says of itself is there for whoever comes later."""
    if not daemon.heard.reports:
        raise Broken(f"expected a retained report on sortline/{daemon.line}/gate/{daemon.bin}, found none")
    report = daemon.heard.reports[-1]
    return f"{report.gate}: {report.state}{f' ({report.detail})' if report.detail else ''}"


TELLING = (
    Rule("asked", "it tells lost answers again when it is asked (from 1.2 on)", asked, optional=True),
    Rule("reports", "it says how it is on its gate topic", reports, optional=True),
)
