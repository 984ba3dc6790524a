from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel, ValidationError
from refinery.agents.models.chat import Chat
from refinery.agents.models.errors import BudgetSpent, ModelUnavailable
from refinery.agents.models.settings import ModelSettings
from refinery.agents.models.usage import ModelCallRecord, RunUsage, Tokens
from refinery.agents.orchestrator.records import Usage
from scripted_models import HttpError, ScriptedModel, broken_form, form


class Verdict(BaseModel):
    """A verdict."""

    good: bool
    points: int


class Bench:
    """A chat over a scripted model, with what it recorded and how long it would have slept."""

    def __init__(
        self, *script: Any, delay: float = 0.0, rest: float = 30.0, failures: int = 5, **settings: Any
    ) -> None:
        self.model = ScriptedModel(script=list(script), delay=delay)
        self.records: list[ModelCallRecord] = []
        self.slept: list[float] = []
        self.settings = ModelSettings(**{"name": "openai:gpt-4o", "seconds": 5, **settings})

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        self.chat = Chat(
            self.settings, self.model, audit=self.records.append, sleep=sleep, rest=rest, failures=failures
        )
        self.run = self.chat.usage("run-1")

    async def verdict(self, words: str = "Is it good?", **more: Any) -> Verdict:
        return await self.chat.structured([("human", words)], Verdict, run=self.run, purpose="judge", **more)

    async def text(self, words: str = "Say it.", **more: Any) -> str:
        return await self.chat.text([("human", words)], run=self.run, purpose="say", **more)


GOOD = form("Verdict", good=True, points=3)


async def test_an_answer_in_the_form_is_returned_and_counted() -> None:
    bench = Bench(GOOD)
    assert await bench.verdict() == Verdict(good=True, points=3)
    usage = bench.run.to_usage()
    assert (usage.model, usage.calls, usage.input_tokens, usage.output_tokens) == ("openai:gpt-4o", 1, 100, 20)
    assert usage.dollars == pytest.approx(100 * 2.5e-6 + 20 * 1e-5)


@pytest.mark.parametrize(
    "answer",
    ['{"good": true, "points": 3}', '```json\n{"good": true, "points": 3}\n```'],
    ids=["plain", "fenced"],
)
async def test_a_model_that_answers_with_json_instead_of_a_call_is_understood(answer: str) -> None:
    assert (await Bench(answer).verdict()).points == 3


@pytest.mark.parametrize(
    ("first", "complaint"),
    [
        (broken_form("Verdict", '{"good": tru'), "Invalid JSON"),
        (form("Verdict", good=True), "points: Field required"),
        (form("Verdict", good=True, points="many"), "points: Input should be a valid integer"),
        ("I would rather not.", "Invalid JSON"),
        ("", "Invalid JSON"),
    ],
    ids=["no JSON", "missing", "wrong type", "prose", "nothing"],
)
async def test_an_answer_out_of_form_is_sent_back_once_with_what_is_wrong(first: Any, complaint: str) -> None:
    bench = Bench(first, GOOD)
    assert (await bench.verdict()).good
    assert bench.model.calls == 2
    assert complaint in bench.model.seen[1][-1].text
    assert bench.model.seen[1][-2].text  # what it had said, never empty: providers refuse empty messages


async def test_an_answer_that_is_out_of_form_twice_is_given_up() -> None:
    bench = Bench("nonsense")
    with pytest.raises(ModelUnavailable, match="answered twice in no form"):
        await bench.verdict()
    assert bench.model.calls == 2


async def test_what_a_check_finds_is_sent_back_once_and_the_second_answer_taken() -> None:
    bench = Bench(form("Verdict", good=True, points=99), form("Verdict", good=True, points=98))
    verdict = await bench.verdict(check=lambda v: ["points: at most 10"] if v.points > 10 else [])
    assert (verdict.points, bench.model.calls) == (98, 2)
    assert "points: at most 10" in bench.model.seen[1][-1].text


@pytest.mark.parametrize("second", ["no form", HttpError(401)], ids=["out of form", "an error"])
async def test_the_first_answer_stands_when_the_second_is_worse(second: Any) -> None:
    bench = Bench(form("Verdict", good=True, points=99), second)
    assert (await bench.verdict(check=lambda _: ["points: at most 10"])).points == 99


async def test_a_text_that_does_not_hold_twice_is_given_up() -> None:
    bench = Bench("12 rows", "13 rows")
    with pytest.raises(ModelUnavailable, match="does not hold"):
        await bench.text(check=lambda said: [f"{said}: no such number"])
    assert "12 rows: no such number" in bench.model.seen[1][-1].text


async def test_an_empty_text_is_asked_for_again() -> None:
    assert await Bench("  ", "so").text() == "so"


@pytest.mark.parametrize(
    "error",
    [HttpError(429), HttpError(500), HttpError(503), HttpError(529), HttpError(408), TimeoutError(), ConnectionError()],
    ids=lambda error: getattr(error, "status_code", type(error).__name__).__str__(),
)
async def test_what_passes_is_tried_again(error: Exception) -> None:
    bench = Bench(error, error, GOOD)
    assert (await bench.verdict()).good
    assert bench.model.calls == 3
    assert len(bench.slept) == 2
    assert 0.5 <= bench.slept[0] <= 1.0 <= bench.slept[1] <= 1.5
    assert bench.run.to_usage().calls == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_what_does_not_pass_is_tried_once(status: int) -> None:
    bench = Bench(HttpError(status))
    with pytest.raises(ModelUnavailable) as raised:
        await bench.verdict()
    assert bench.model.calls == 1
    assert str(status) in raised.value.reason
    assert "sk-secret-key" not in raised.value.reason


async def test_a_quota_that_is_used_up_does_not_pass() -> None:
    error = HttpError(429)
    error.code = "insufficient_quota"  # type: ignore[attr-defined]
    bench = Bench(error)
    with pytest.raises(ModelUnavailable):
        await bench.verdict()
    assert bench.model.calls == 1


async def test_retry_after_is_kept_to() -> None:
    bench = Bench(HttpError(429, {"retry-after": "7"}), HttpError(429, {"retry-after-ms": "250"}), GOOD)
    await bench.verdict()
    assert bench.slept == [7.0, 0.25]


async def test_a_provider_that_asks_for_too_long_a_wait_is_given_up() -> None:
    bench = Bench(HttpError(429, {"retry-after": "3600"}))
    with pytest.raises(ModelUnavailable, match="429"):
        await bench.verdict()
    assert (bench.model.calls, bench.slept) == (1, [])


async def test_a_call_that_takes_too_long_is_ended_and_tried_again() -> None:
    bench = Bench(GOOD, delay=5, seconds=0.05, attempts=2)
    with pytest.raises(ModelUnavailable, match=r"did not answer within 0\.05 seconds"):
        await bench.verdict()
    assert bench.model.calls == 2
    assert [record.outcome for record in bench.records] == ["timeout", "timeout"]


async def test_a_defect_of_a_client_ends_the_model_and_not_the_run() -> None:
    with pytest.raises(ModelUnavailable, match=r"failed \(AttributeError\)"):
        await Bench(AttributeError("'str' object has no attribute 'choices'")).verdict()


async def test_a_cancelled_call_is_cancelled_and_recorded() -> None:
    bench = Bench(GOOD, delay=5)
    asked = asyncio.create_task(bench.verdict())
    await asyncio.sleep(0.05)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert [record.outcome for record in bench.records] == ["cancelled"]


async def test_the_breaker_opens_lets_one_try_after_its_rest_and_closes() -> None:
    bench = Bench(*[HttpError(503)] * 3, GOOD, attempts=1, failures=3, rest=0.2)
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match=r"failed on its side \(503\)"):
            await bench.verdict()
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="3 times in a row"):
            await bench.verdict()
    assert bench.model.calls == 3
    await asyncio.sleep(0.25)
    assert (await bench.verdict()).good
    assert (await bench.verdict()).good
    assert bench.model.calls == 5


async def test_a_try_that_fails_opens_the_breaker_again() -> None:
    bench = Bench(HttpError(503), attempts=1, failures=2, rest=0.1)
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            await bench.verdict()
    await asyncio.sleep(0.15)
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            await bench.verdict()
    assert bench.model.calls == 3


async def test_requests_that_are_refused_or_cancelled_do_not_open_the_breaker() -> None:
    bench = Bench(*[HttpError(400)] * 4, GOOD, failures=2)
    for _ in range(4):
        with pytest.raises(ModelUnavailable, match="400"):
            await bench.verdict()
    assert (await bench.verdict()).good


async def test_the_breaker_ends_the_attempts_of_one_call_too() -> None:
    bench = Bench(HttpError(503), attempts=5, failures=2)
    with pytest.raises(ModelUnavailable, match="2 times in a row"):
        await bench.verdict()
    assert bench.model.calls == 2


async def test_a_run_whose_tokens_are_spent_makes_no_further_call() -> None:
    bench = Bench(form("Verdict", tokens=(500, 100), good=True, points=1), tokens=1000)
    await bench.verdict()
    await bench.verdict("Is it?")
    with pytest.raises(BudgetSpent, match="may use 1,000 tokens of the language model and has used 1,200"):
        await bench.verdict()
    assert bench.model.calls == 2


async def test_a_prompt_that_would_not_fit_the_budget_is_not_sent() -> None:
    bench = Bench(GOOD, tokens=1000)
    with pytest.raises(BudgetSpent):
        await bench.verdict("word " * 2000)
    assert bench.model.calls == 0


async def test_calls_side_by_side_do_not_spend_the_same_tokens() -> None:
    bench = Bench(GOOD, delay=0.05, tokens=600)
    words = "word " * 250
    results = await asyncio.gather(*(bench.verdict(words) for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(result, BudgetSpent) for result in results) == 2


async def test_tokens_that_a_server_does_not_tell_are_estimated_and_have_no_price() -> None:
    bench = Bench("so it is")
    await bench.text("word " * 100)
    usage = bench.run.to_usage()
    assert usage.input_tokens > 100
    assert usage.output_tokens > 0
    assert usage.dollars is None


@pytest.mark.parametrize(
    ("settings", "dollars"),
    [
        ({"name": "openai:gpt-4o"}, 0.0075),
        ({"name": "openai:no-such-model"}, None),
        ({"name": "ollama:llama3"}, None),
        ({"name": "openai:gpt-4o", "base_url": "http://localhost:1234/v1"}, None),
    ],
    ids=["listed", "not listed", "local", "own server"],
)
async def test_a_price_is_told_where_it_is_known(settings: dict[str, Any], dollars: float | None) -> None:
    bench = Bench(form("Verdict", tokens=(1000, 500), good=True, points=1), **settings)
    await bench.verdict()
    assert bench.run.to_usage().dollars == (pytest.approx(dollars) if dollars else None)


def test_a_run_that_is_taken_up_again_goes_on_counting() -> None:
    so_far = Usage(model="openai:gpt-4o", calls=2, input_tokens=900, output_tokens=50, dollars=0.5)
    run = Chat(ModelSettings(name="openai:gpt-4o", tokens=1000)).usage("run-1", so_far)
    with pytest.raises(BudgetSpent), run.room(100):
        pass
    run.add(Tokens(10, 10), 0.25)
    assert run.to_usage() == Usage(model="openai:gpt-4o", calls=3, input_tokens=910, output_tokens=60, dollars=0.75)
    run.add(Tokens(1, 1), None)
    run.add(Tokens(1, 1), 0.1)
    assert run.to_usage().dollars is None


async def test_the_record_of_a_call_holds_hashes_and_counts_and_no_text() -> None:
    bench = Bench(HttpError(503), form("Verdict", good=True, points=77777))
    await bench.verdict("a secret question")
    failed, good = bench.records
    assert failed.prompt_sha256 == good.prompt_sha256
    assert (failed.outcome, failed.answer_sha256, good.outcome) == ("http_503", None, "ok")
    assert len(good.answer_sha256 or "") == 64
    assert (good.run, good.purpose, good.model) == ("run-1", "judge", "openai:gpt-4o")
    told = failed.model_dump_json() + good.model_dump_json()
    assert "secret" not in told
    assert "77777" not in told


async def test_a_call_that_cannot_be_recorded_is_not_relied_on() -> None:
    def full(_record: ModelCallRecord) -> None:
        raise OSError("no space left")

    chat = Chat(ModelSettings(name="openai:gpt-4o"), ScriptedModel(script=[GOOD]), audit=full)
    with pytest.raises(ModelUnavailable, match="OSError"):
        await chat.structured([("human", "?")], Verdict, run=chat.usage("r"), purpose="judge")


async def test_a_span_tells_model_and_tokens_and_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace.get_tracer", lambda *a, **k: provider.get_tracer("test"))
    bench = Bench(HttpError(503), GOOD)
    await bench.verdict("a secret question")
    failed, good = exporter.get_finished_spans()
    assert good.name == "chat gpt-4o"
    assert dict(good.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
    }
    assert (failed.attributes or {})["error.type"] == "http_503"
    assert "secret" not in good.to_json() + failed.to_json()


async def test_personal_data_is_masked_in_everything_that_leaves() -> None:
    bench = Bench(GOOD)
    await bench.verdict("Ask jane.doe@example.com or +49 151 23456789 about card 4111 1111 1111 1111")
    seen = bench.model.everything_seen
    assert "jane.doe" not in seen
    assert "23456789" not in seen
    assert "4111 1111" not in seen
    assert "j***@example.com" in seen


async def test_what_leaves_does_not_leave_by_the_tracing_of_somebody_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    from langsmith.utils import get_env_var, tracing_is_enabled

    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    get_env_var.cache_clear()
    try:
        assert tracing_is_enabled()
        assert await Bench(lambda _: AIMessage(f"traced: {tracing_is_enabled()}")).text() == "traced: False"
    finally:
        monkeypatch.undo()
        get_env_var.cache_clear()


class Listener(AsyncCallbackHandler):
    """Hears what a graph around a call makes its callbacks hear, as tracers do."""

    def __init__(self) -> None:
        self.heard = 0

    async def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.heard += 1


async def test_callbacks_of_a_graph_around_do_not_hear_what_leaves() -> None:
    bench, listener = Bench("so"), Listener()

    async def node(_: Any) -> str:
        return await bench.text()

    assert await RunnableLambda(node).ainvoke("x", {"callbacks": [listener]}) == "so"
    assert listener.heard == 0


@pytest.mark.parametrize("name", ["gpt-4o", "openai:", ":gpt-4o", ""])
def test_a_model_is_named_with_its_provider(name: str) -> None:
    with pytest.raises(ValidationError, match="write the provider, a colon and the model"):
        ModelSettings(name=name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("anthropic:claude-sonnet-4-5", r"pip install 'refinery-mcp\[anthropic\]'"),
        ("mistralai:large", "pip install langchain-mistralai"),
        ("nobody:model", "unknown provider 'nobody'"),
        ("openai:gpt-4o", "is OPENAI_API_KEY set"),
    ],
)
async def test_a_model_that_cannot_be_set_up_says_what_is_missing(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setitem(sys.modules, "langchain_anthropic", None)
    chat = Chat(ModelSettings(name=name))
    with pytest.raises(ModelUnavailable, match=said):
        await chat.text([("human", "?")], run=chat.usage("r"), purpose="say")


async def test_a_model_without_tools_cannot_answer_in_a_form() -> None:
    class Plain(ScriptedModel):
        def bind_tools(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    chat = Chat(ModelSettings(name="openai:old"), Plain(script=["x"]))
    with pytest.raises(ModelUnavailable, match="cannot answer in a form"):
        await chat.structured([("human", "?")], Verdict, run=chat.usage("r"), purpose="judge")


def test_importing_the_models_imports_no_langchain() -> None:
    modules = ["chat", "planning", "interpreting", "deepening", "examples"]
    code = "\n".join(
        [
            *(f"import refinery.agents.models.{name}" for name in modules),
            "import refinery.agents.langchain_tools",
            "import sys",
            "names = {name.split('.')[0] for name in sys.modules}",
            "heavy = names & {'langchain', 'langchain_core', 'langgraph', 'openai', 'tenacity'}",
            "assert not heavy, heavy",
        ]
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_run_without_calls_costs_nothing_known() -> None:
    assert RunUsage("r", 10).to_usage() == Usage()
