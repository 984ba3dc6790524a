"""Over the wire: a real client of a provider against a server on loopback that speaks OpenAI's protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from refinery.agents.langchain_tools import tools_of
from refinery.agents.models.chat import Chat
from refinery.agents.models.deepening import deepen
from refinery.agents.models.errors import ModelUnavailable
from refinery.agents.models.settings import ModelSettings
from refinery.agents.orchestrator.records import Request
from refinery.tools import explore
from refinery.tools.catalogue import Catalogue
from refinery.tools.executor import Outcome

KEY = "sk-test-0123456789"


class Verdict(BaseModel):
    """A verdict."""

    good: bool


class Provider:
    """Answers requests from a script: a status and headers, a text, or calls of tools."""

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.seen: list[dict[str, Any]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                provider.seen.append(
                    {"path": self.path, "key": self.headers["Authorization"], **json.loads(self.rfile.read(length))}
                )
                status, headers, body = provider.answer()
                content = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    def answer(self) -> tuple[int, dict[str, str], dict[str, Any]]:
        line = self.script[min(len(self.seen), len(self.script)) - 1]
        if isinstance(line, tuple):
            status, headers = line
            return status, headers, {"error": {"message": f"Incorrect API key provided: {KEY}", "code": "no"}}
        message: dict[str, Any] = {"role": "assistant", "content": line}
        if isinstance(line, list):
            made = [
                {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
                for n, (name, arguments) in enumerate(line)
            ]
            message = {"role": "assistant", "content": None, "tool_calls": made}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}
        return 200, {}, {"id": "1", "object": "chat.completion", "created": 1, "choices": [choice], "usage": usage}

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    started = Provider()
    yield started
    started.close()


def chat_with(provider: Provider, *script: Any, **more: Any) -> tuple[Chat, list[float]]:
    provider.script = list(script)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    settings = ModelSettings(
        **{"name": "openai:test", "base_url": provider.address, "api_key": SecretStr(KEY), "seconds": 10, **more}
    )
    return Chat(settings, sleep=sleep), slept


async def test_a_busy_provider_is_asked_again_when_it_says(provider: Provider) -> None:
    chat, slept = chat_with(provider, (429, {"Retry-After": "3"}), (503, {}), "It is so.")
    run = chat.usage("r")
    assert await chat.text([("human", "Is it?")], run=run, purpose="say") == "It is so."
    assert slept[0] == 3.0
    assert len(provider.seen) == 3
    assert provider.seen[0]["path"] == "/v1/chat/completions"
    usage = run.to_usage()
    assert (usage.calls, usage.input_tokens, usage.output_tokens, usage.dollars) == (3, 1000, 50, None)


async def test_a_refused_key_is_told_once_and_without_the_key(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    chat, _ = chat_with(provider, (401, {}))
    with pytest.raises(ModelUnavailable, match=r"refused the key \(401\); check OPENAI_API_KEY") as raised:
        await chat.text([("human", "Is it?")], run=chat.usage("r"), purpose="say")
    assert len(provider.seen) == 1
    assert provider.seen[0]["key"] == f"Bearer {KEY}"
    assert KEY not in str(raised.value) + repr(chat.settings) + caplog.text


async def test_an_answer_in_a_form_comes_as_the_call_of_a_tool(provider: Provider) -> None:
    chat, _ = chat_with(provider, [("Verdict", {"good": "perhaps"})], [("Verdict", {"good": True})])
    verdict = await chat.structured([("human", "Is it?")], Verdict, run=chat.usage("r"), purpose="judge")
    assert verdict.good
    first, second = provider.seen
    assert first["tools"][0]["function"]["name"] == "Verdict"
    assert first["tool_choice"]["function"]["name"] == "Verdict"
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]


async def test_a_specialist_works_over_the_wire(provider: Provider) -> None:
    made: list[str] = []

    async def call(action: str, arguments: dict[str, Any]) -> Outcome:
        made.append(action)
        return Outcome(action, {}, "3 rows")

    chat, _ = chat_with(provider, [("basic_info", {"dataset": "a.csv"})], "done")
    tools = tools_of(Catalogue.from_packages(explore), call)
    await deepen(chat, chat.usage("r"), "explore", Request(dataset="a.csv"), [], tools, 3)
    assert made == ["basic_info"]
    offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in provider.seen[0]["tools"]}
    assert "delete_dataset" not in offered
    assert offered["basic_info"]["required"] == ["dataset"]
    answer = provider.seen[1]["messages"][-1]
    assert answer["role"] == "tool"
    assert answer["content"].startswith('<data kind="answer of basic_info">')


async def test_a_provider_that_is_not_there_is_unavailable(provider: Provider) -> None:
    chat, slept = chat_with(provider, "?", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ModelUnavailable, match="could not be reached"):
        await chat.text([("human", "Is it?")], run=chat.usage("r"), purpose="say")
    assert len(slept) == 2


async def test_a_server_that_speaks_something_else_is_unavailable(provider: Provider) -> None:
    chat, _ = chat_with(provider, "?")
    provider.answer = lambda: (200, {}, {"hello": "world"})  # type: ignore[method-assign]
    with pytest.raises(ModelUnavailable):
        await chat.text([("human", "Is it?")], run=chat.usage("r"), purpose="say")
