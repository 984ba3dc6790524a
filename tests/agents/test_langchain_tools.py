from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from refinery.agents.langchain_tools import langchain_tools, open_toolbox
from refinery.tools.catalogue import Catalogue
from refinery.tools.context import Caller
from refinery.tools.errors import BadRequest
from refinery.tools.executor import Executor


async def ask(tools: list[Any], name: str, **arguments: Any) -> ToolMessage:
    tool = {tool.name: tool for tool in tools}[name]
    answer = await tool.ainvoke({"name": name, "args": arguments, "id": "1", "type": "tool_call"})
    assert isinstance(answer, ToolMessage)
    return answer


async def test_a_tool_answers_with_the_text_and_carries_the_result(make_executor: Callable[..., Executor]) -> None:
    tools = langchain_tools(make_executor(), Caller(tenant="t"))
    answer = await ask(tools, "whoami")
    assert answer.text.startswith("whoami: Done.")
    assert answer.artifact["said"] == "t"
    assert answer.status == "success"


async def test_an_error_is_a_message_that_the_model_can_act_on(make_executor: Callable[..., Executor]) -> None:
    tools = langchain_tools(make_executor(), Caller())
    refused = await ask(tools, "refuse")
    assert (refused.status, refused.text) == ("error", "no, because of 'this'")
    unknown = await ask(tools, "quote_own_words", word="x")
    assert "did you mean 'words'?" in unknown.text


async def test_a_defect_shows_an_incident_and_no_secret(make_executor: Callable[..., Executor]) -> None:
    crashed = await ask(langchain_tools(make_executor(), Caller()), "crash")
    assert crashed.status == "error"
    assert "incident" in crashed.text
    assert "secret" not in crashed.text


async def test_a_tool_says_what_its_action_says(make_executor: Callable[..., Executor]) -> None:
    executor = make_executor()
    some = Catalogue([executor.catalogue["count_rows"]])
    (tool,) = langchain_tools(executor, Caller(), some)
    action = executor.catalogue["count_rows"]
    assert (tool.name, tool.description, tool.args_schema) == (action.name, action.description, action.input_schema)
    assert tool.metadata == {
        "title": "Count",
        "group": action.group,
        "read_only": True,
        "destructive": False,
        "datasets": ["dataset"],
    }


async def test_a_toolbox_is_opened_in_two_lines(tmp_path: Path, data_folder: Path) -> None:
    async with open_toolbox(data_folder, agents=["quality"], workspace=tmp_path / "w") as tools:
        answer = await ask(tools, "check_missing_values", dataset="orders.csv")
    assert "check_missing_values" in answer.text
    assert answer.artifact["scanned"] == {"rows": 3, "of": 3, "method": "all"}
    assert {tool.metadata["group"] for tool in tools} == {"quality"}


@pytest.mark.parametrize(
    ("folders", "agents", "said"),
    [(["nowhere"], [], "is not a folder"), ([], ["qualty"], "did you mean 'quality'"), ([], [], "by accident")],
)
async def test_a_toolbox_says_why_it_cannot_be_opened(
    folders: list[str], agents: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/" if said == "by accident" else tmp_path)
    with pytest.raises(BadRequest, match=said):
        async with open_toolbox(*folders, agents=agents, workspace=tmp_path / "w"):
            pass
