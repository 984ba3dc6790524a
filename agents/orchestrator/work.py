"""What the nodes of the graph do: the work of one run."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...tools.catalogue import Catalogue
from ...tools.context import Caller, Progress, silent
from ...tools.errors import KINDS, Defect, RefineryError, Unavailable
from ..insights.rules import completed, insights_by_rules
from ..insights.verdict import verdict
from .events import Event, Events
from .planning import first_look, follow_up, numbered, owned, pipeline_name, plan_by_rules
from .profile import kept_result
from .records import Insight, Recollection, Request, RunReport, Step, StepResult, Usage
from .runs import shown_dataset, without_secrets
from .series import table_before
from .state import State
from .tracing import AgentSpans

if TYPE_CHECKING:
    from ...memory.store.memory import Memory
    from ...tools.executor import Executor, Outcome
    from ..models.chat import Chat
    from ..models.examples import Examples
    from ..models.usage import RunUsage
    from ..routing.router import Router
    from .settings import AgentSettings

log = logging.getLogger(__name__)

_FINDINGS = 8
_EXAMPLES = 2
_RECALLED = 5
_RECALL_SECONDS = 20.0
_LONGEST_TEXT = 2000


@dataclass
class Tools:
    """What runs are done with; shared by all of them."""

    executor: Executor
    settings: AgentSettings
    memory: Memory | None = None
    router: Router | None = None
    chat: Chat | None = None
    examples: Examples | None = None


@dataclass(frozen=True)
class Before:
    """What a run had behind it when it was taken up again: when it began, and the seconds it had worked."""

    started_at: str | None = None
    seconds: float = 0.0


async def _always() -> bool:
    return True


@dataclass
class Work:
    """One run at work in this process.

    Attributes:
        run: its id.
        caller: whose it is, with the session.
        tools: what it is done with.
        events: who is told.
        spans: its agents in the trace.
        usage: what the model has cost, where there is one.
        before: what was before this process took it up.
        known: tells whether the run has not been forgotten meanwhile.
        noted: what is known of steps from before the run was taken up again; these are not done again.
    """

    run: str
    caller: Caller
    tools: Tools
    events: Events
    spans: AgentSpans
    usage: RunUsage | None = None
    before: Before = field(default_factory=Before)
    known: Callable[[], Awaitable[bool]] = _always
    noted: dict[str, StepResult] = field(default_factory=dict)
    begun: float = field(default_factory=time.time)
    _planned: dict[str, Step] = field(default_factory=dict)
    _finished: set[str] = field(default_factory=set)
    _clock: float = field(default_factory=time.perf_counter)

    @property
    def agents(self) -> list[str]:
        """The specialists that there are."""
        return list(self.tools.settings.actions)

    @property
    def catalogue(self) -> Catalogue:
        """What they may do."""
        allowed = {name for names in self.tools.settings.actions.values() for name in names}
        return Catalogue(action for action in self.tools.executor.catalogue if action.name in allowed)

    # The nodes, in their order.

    async def recall(self, state: State) -> State:
        """Recall what is known of the dataset, and see what is there."""
        request = Request.model_validate(state["request"])
        self._tell("recall", f"recalling what is known of {request.dataset}")
        recalled, note = await self._recalled(request)
        return {"recalled": [one.model_dump() for one in recalled], "notes": [note] if note else []}

    async def plan(self, state: State) -> State:
        """Look at the table, find the target in the goal, and plan."""
        request = Request.model_validate(state["request"])
        self._tell("plan", "looking at the table and planning")
        look = first_look(request.dataset)
        seen = await self.act(look)
        if seen.status != "done":
            # Without a look there is nothing to plan; whoever resumes the run looks again.
            raise KINDS.get(seen.error or "", Unavailable)(seen.text)
        whole = self.details([seen])[look.id]
        request, asked, notes = await self._understood(request, whole)
        if self.tools.chat is not None:
            from .with_model import planned, profile_of

            recalled = [Recollection.model_validate(one) for one in state.get("recalled", [])]
            columns = [column["column"] for column in whole.get("columns", [])]
            more, failed = await planned(self, request, profile_of(whole, seen.rows), columns, recalled)
            asked, notes = [*asked, *more], [*notes, *failed]
        earlier, unlike = await table_before(self, request.dataset, list(whole.get("schema", {})))
        notes, pipeline = [*notes, *unlike], pipeline_name(request, self.run)
        steps = plan_by_rules(
            request, earlier=earlier, asked=[owned(step, pipeline) for step in asked], pipeline=pipeline
        )
        steps = numbered(steps, [look], self.agents_by_action())
        room = self.tools.settings.steps - 1
        if len(steps) > room:
            notes.append(f"{len(steps) - room} of {len(steps) + 1} planned steps were over the limit of {room + 1}")
        plan = [look, *steps[:room]]
        self._planned = {step.id: step for step in plan}
        self._tell("plan", f"{len(plan)} steps are planned")
        return {
            "request": request.model_dump(),
            "rows": seen.rows,
            "columns": len(whole.get("columns", [])),
            "plan": [step.model_dump() for step in plan],
            "results": [seen.model_dump(mode="json")],
            "notes": notes,
        }

    async def dispatch(self, state: State) -> tuple[State, list[Step]]:
        """Say which steps can be done now, and which never will be."""
        plan, results = _plan(state), _results(state)
        update: State = {}
        if not state.get("followed") and self._all_done(plan, results, state):
            suggested = [result for result in results if result.step.action == "suggest_rules"]
            more = numbered(follow_up(results, self.details(suggested)), plan, self.agents_by_action())
            more = more[: max(0, self.tools.settings.steps - len(plan))]
            update = {"followed": True, "plan": [step.model_dump() for step in more]}
            plan = [*plan, *more]
        self._planned = {step.id: step for step in plan}
        self._finished = {result.step.id for result in results}
        ready, skipped = self._ready(plan, results, state)
        if skipped:
            update["results"] = [result.model_dump(mode="json") for result in skipped]
        return update, ready

    async def deepen(self, state: State) -> State:
        """Let specialists with a model look deeper."""
        from .with_model import look_deeper

        self._tell("work", "the specialists look deeper")
        return await look_deeper(self, state)

    async def interpret(self, state: State) -> State:
        """Say what the findings mean."""
        results = _results(state)
        if state.get("interpreted") == len(results):
            return {}
        self._tell("interpret", "weighing what was found")
        request = Request.model_validate(state["request"])
        details = await asyncio.to_thread(self.details, results)  # of a wide table these are megabytes
        read = [Insight.model_validate(insight) for insight in state.get("insights", [])]
        by_model = [insight for insight in read if insight.origin == "model"]
        insights = completed(by_model, insights_by_rules(request, results, details))
        notes = list[str]()
        if self.tools.chat is not None and "interpreted" not in state:
            from .with_model import interpreted

            insights, notes = await interpreted(self, state, insights, details)
        score = next((result.score for result in results if result.score is not None), None)
        return {
            "insights": [insight.model_dump(mode="json") for insight in insights],
            "interpreted": len(results),
            "score": score,
            "notes": notes,
            "usage": self._usage().model_dump(),
        }

    async def remember(self, state: State) -> State:
        """Remember what the run came to; it is written when there is time."""
        memory = self.tools.memory
        if memory is not None and _results(state):
            from ...memory.store.writing import keep

            self._tell("remember", "remembering it")
            note = self._note(state)

            async def keep_if_known() -> None:
                if await self.known():
                    await keep(memory, self.caller.tenant, note)

            memory.later(keep_if_known)
        return {}

    async def report(self, state: State) -> State:
        """Write the report."""
        self._tell("report", "writing the report")
        await asyncio.to_thread(lambda: self.write(self.report_of(state)))
        return {}

    # What they are made of.

    async def act(self, step: Step) -> StepResult:
        """Do a step, and tell of it; what goes wrong with it is its result, and no reason to end the run."""
        self._planned.setdefault(step.id, step)
        if (known := self.noted.get(step.id)) is not None and known.status == "done" and known.step == step:
            return known
        self._tell("work", f"{step.agent}: {step.action}", step=step)

        def progress(
            done: float,  # noqa: ARG001 - what is done of a step is told in words
            total: float | None = None,  # noqa: ARG001
            message: str | None = None,
        ) -> None:
            if message:
                self._tell("work", f"{step.agent}: {step.action}: {message}", step=step)

        result = await self.perform(step, progress)
        self._finished.add(step.id)
        self._tell("work", f"{step.agent}: {step.action} {_ended(result)}", step=step, result=result)
        return result

    async def act_for(self, step: Step, made: list[StepResult]) -> Outcome:
        """Do a step that a specialist with a model asks for, and note it among those that were made.

        Raises:
            RefineryError: what the action raises, for the model to read.
        """
        place = len(made)
        made.append(StepResult(step=step, status="skipped", text="did not end"))
        self._tell("work", f"{step.agent}: {step.action}", step=step)
        clock = time.perf_counter()
        try:
            with self.spans.tool(step):
                outcome = await self.tools.executor.run(step.action, step.arguments, self.caller)
        except RefineryError as error:
            made[place] = StepResult(step=step, status="failed", text=str(error), error=error.kind)
            raise
        made[place] = _result(step, outcome, round(time.perf_counter() - clock, 4))
        self._tell("work", f"{step.agent}: {step.action} {_ended(made[place])}", step=step, result=made[place])
        return outcome

    async def perform(self, step: Step, progress: Progress = silent) -> StepResult:
        """Do a step as its agent."""
        clock = time.perf_counter()
        try:
            async with asyncio.timeout(self.seconds_left):
                with self.spans.tool(step):
                    outcome = await self.tools.executor.run(step.action, step.arguments, self.caller, progress)
        except TimeoutError:
            limit = f"{self.tools.settings.seconds:g} seconds of a run (agents.seconds) were over"
            return StepResult(step=step, status="skipped", text=limit, error="limit_exceeded")
        except RefineryError as error:
            if isinstance(error, Defect):
                log.error("step %s of run %s failed: %s", step.id, self.run, error)
            seconds = round(time.perf_counter() - clock, 4)
            return StepResult(step=step, status="failed", text=str(error), error=error.kind, seconds=seconds)
        return _result(step, outcome, round(time.perf_counter() - clock, 4))

    @property
    def seconds_left(self) -> float:
        """The time that the run may still take."""
        return max(0.0, self.tools.settings.seconds - (time.perf_counter() - self._clock))

    def details(self, results: Sequence[StepResult]) -> dict[str, dict[str, Any]]:
        """Return the whole results by the ids of their steps, as they are kept in the workspace."""
        found = {}
        for result in results:
            whole = kept_result(self.tools.executor, self.caller, result.result)
            if whole is not None:
                found[result.step.id] = whole
        return found

    def report_of(self, state: State, status: Any = None, *, whole: bool = True) -> RunReport:
        """Return all that the report of a run shows; unless `whole`, without the whole results."""
        from .graph import waiting

        request, results = Request.model_validate(state["request"]), _results(state)
        insights = [Insight.model_validate(insight) for insight in state.get("insights", [])]
        steps = waiting(state)
        status = status or ("waiting" if steps else "done")
        report = RunReport(
            run=self.run,
            status=status,
            request=request,
            headline=verdict(request, insights, results, status),
            score=state.get("score"),
            rows=state.get("rows"),
            columns=state.get("columns"),
            started_at=self.before.started_at or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.begun)),
            seconds=round(self.before.seconds + time.time() - self.begun, 2),
            insights=insights,
            steps=results,
            recalled=[Recollection.model_validate(one) for one in state.get("recalled", [])],
            waiting=steps,
            notes=state.get("notes", []),
            usage=Usage.model_validate(state.get("usage") or {}),
            details=self.details(results) if whole else {},
        )
        if shown_dataset(request.dataset) == request.dataset:
            return report
        return RunReport.model_validate(without_secrets(report.model_dump(mode="json"), request.dataset))

    def write(self, report: RunReport) -> None:
        """Write the report's files."""
        from ..report.write import write_report

        write_report(report, self.folder)

    @property
    def folder(self) -> Any:
        """The folder of the report."""
        folder = self.tools.executor.runtime.workspace.folder("reports", self.caller.tenant) / self.run
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def wants_to_deepen(self, state: State) -> bool:
        """Tell whether specialists with a model have yet to look deeper."""
        return self.tools.chat is not None and not state.get("deepened") and "interpreted" not in state

    def _ready(
        self, plan: Sequence[Step], results: Sequence[StepResult], state: State
    ) -> tuple[list[Step], list[StepResult]]:
        status = {result.step.id: result.status for result in results}
        approved = state.get("approved", {})
        ready, skipped = list[Step](), list[StepResult]()
        for step in plan:
            if step.id in status:
                continue
            failed = next((name for name in step.after if status.get(name) in {"failed", "skipped"}), None)
            if failed is not None:
                skipped.append(
                    StepResult(step=step, status="skipped", text=f"{failed}, on which it rests, is not done")
                )
                status[step.id] = "skipped"
            elif approved.get(step.id) is False:
                skipped.append(StepResult(step=step, status="skipped", text="declined"))
                status[step.id] = "skipped"
            elif all(status.get(name) == "done" for name in step.after) and (
                step.action not in self.tools.settings.approve or approved.get(step.id)
            ):
                ready.append(step)
        return ready, skipped

    def _all_done(self, plan: Sequence[Step], results: Sequence[StepResult], state: State) -> bool:
        return not self._ready(plan, results, state)[0]

    async def _recalled(self, request: Request) -> tuple[list[Recollection], str | None]:
        """Recall what is known of the dataset, or of the goal; a memory that does not answer is no reason to wait."""
        from .recalling import recalled

        memory = self.tools.memory
        if memory is None:
            return [], None
        try:
            async with asyncio.timeout(_RECALL_SECONDS):
                return await recalled(memory, self.caller.tenant, request, _RECALLED), None
        except (RefineryError, TimeoutError) as error:
            return [], f"What was known before could not be recalled: {error or 'it took too long'}"

    async def _understood(self, request: Request, seen: dict[str, Any]) -> tuple[Request, list[Step], list[str]]:
        """Find the target and what else the words of a goal call for."""
        if not request.goal:
            return request, [], []
        from .goals import understand

        return await understand(self, request, seen)

    def agents_by_action(self) -> dict[str, str]:
        offered = self.tools.executor.catalogue
        return {
            name: agent for agent, names in self.tools.settings.actions.items() for name in names if name in offered
        }

    def _note(self, state: State) -> Any:
        from ...memory.store.notes import Note, topic_of

        report = self.report_of({**state, "results": []}, whole=False)
        request = report.request
        goal = f" ({request.goal})" if request.goal else ""
        titles = "; ".join(insight.title for insight in report.insights if insight.severity != "low")[:1500]
        headline = verdict(request, report.insights, _results(state), "done")
        return Note(
            f"Analysis of {request.dataset}{goal}: {headline} Found: {titles or 'nothing severe'}.",
            kind="experience",
            importance=0.8,
            dataset=request.dataset,
            session=request.session,
            topic=topic_of("analysis of", request.dataset, "for", request.target or "", request.goal or ""),
        )

    def _usage(self) -> Usage:
        return self.usage.to_usage() if self.usage is not None else Usage()

    def _tell(self, stage: Any, text: str, *, step: Step | None = None, result: StepResult | None = None) -> None:
        self.events.tell(Event(stage, text, len(self._finished), len(self._planned), step, result))


def _plan(state: State) -> list[Step]:
    return [Step.model_validate(step) for step in state.get("plan", [])]


def _results(state: State) -> list[StepResult]:
    return [StepResult.model_validate(result) for result in state.get("results", [])]


def _result(step: Step, outcome: Outcome, seconds: float) -> StepResult:
    """Keep of an outcome what is small: the text, the worst findings with a few examples, the address of the rest."""
    findings = []
    for finding in outcome.result.get("findings", [])[:_FINDINGS]:
        evidence = finding.get("evidence") or {}
        findings.append({**finding, "evidence": {**evidence, "examples": evidence.get("examples", [])[:_EXAMPLES]}})
    return StepResult.model_validate(
        {
            "step": step,
            "status": "done",
            "text": outcome.text[:_LONGEST_TEXT],
            "result": outcome.uri,
            "findings": findings,
            "score": outcome.result.get("score") if step.action == "quality_report" else None,
            "rows": (outcome.result.get("scanned") or {}).get("of"),
            "seconds": seconds,
            "cached": outcome.cached,
        }
    )


def _ended(result: StepResult) -> str:
    if result.status != "done":
        return f"{result.status}: {result.text[:200]}"
    return f"done in {result.seconds:.1f} s"
