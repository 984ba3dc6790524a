"""Arguments of the feature steps, and of the pipeline they make."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .asked import Asked, MissingArgument
from .names import files, named, other_names, stem_of
from .quantities import fraction, number, numbers, plainly
from .targets import target_of

_IMPUTATIONS = {
    "median": r"\bmedian\b",
    "most_frequent": r"\b(most (frequent|common)|mode|commonest|majority)\b",
    "knn": r"\b(knn|k.?nn|nearest|neighbou?rs?)\b",
    "iterative": r"\b(iterative\w*|mice|chained)\b",
    "mean": r"\b(mean|average)\b",
    "constant": r"\b(zero|zeros|constant|fixed)\b|\b(with|put|by|to) -?\d",
}
_ENCODINGS = {
    "onehot": r"\b(one.?hot\w*|dumm(y|ies))\b",
    "ordinal": r"\b(ordinal\w*|order(ed)?|rank\w*)\b",
    "target": r"\b(target.?encod\w*|target|mean encod\w*)\b",
    "hash": r"\bhash\w*\b",
    "frequency": r"\b(frequen\w*|count encod\w*|how (common|often)|counts)\b",
}
_SCALINGS = {
    "minmax": r"\b(min.?max|0 (and|to) 1|zero (and|to) one|between 0)\b",
    "robust": r"\brobust\w*\b",
    "quantile": r"\bquantile\w*\b",
    "power": r"\b(power|yeo.?johnson|box.?cox|skew\w*|squeeze)\b",
    "standard": r"\b(standard\w*|z.?scor\w*|unit variance|variance (1|one)|zero mean|mean (0|zero))\b",
}
_SELECTIONS = {
    "mutual_information": r"\bmutual\b|\binformation gain\b",
    "permutation": r"\b(permut\w*|shuffl\w*)\b",
    "shap": r"\bshap\w*\b",
    "variance": r"\b(varianc\w*|constant|hardly (ever )?var\w*|never chang\w*|never var\w*)\b",
    "correlation": r"\b(correlat\w*)\b",
}
_COUNTRIES = {
    "german": "DE",
    "germany": "DE",
    "austria": "AT",
    "austrian": "AT",
    "swiss": "CH",
    "switzerland": "CH",
    "france": "FR",
    "french": "FR",
    "spain": "ES",
    "spanish": "ES",
    "italy": "IT",
    "italian": "IT",
    "polish": "PL",
    "poland": "PL",
    "dutch": "NL",
    "netherlands": "NL",
    "portugal": "PT",
    "portuguese": "PT",
    "swedish": "SE",
    "sweden": "SE",
    "norway": "NO",
    "norwegian": "NO",
    "danish": "DK",
    "denmark": "DK",
    "finland": "FI",
    "finnish": "FI",
    "us": "US",
    "american": "US",
    "usa": "US",
    "british": "GB",
    "uk": "GB",
    "english": "GB",
    "canada": "CA",
    "canadian": "CA",
    "japan": "JP",
    "japanese": "JP",
    "brazil": "BR",
    "brazilian": "BR",
    "irish": "IE",
    "ireland": "IE",
    "belgium": "BE",
    "belgian": "BE",
    "mexico": "MX",
    "mexican": "MX",
}
_STEPS = r"step|schritt|étape|etape|paso|passo|passaggio|stap|krok"


def pipeline_name(asked: Asked) -> str:
    """Return the pipeline that a request names, else the one that has the name of the table."""
    text = asked.reading.text
    own = {column.name.lower() for column in asked.table.columns}
    after = named(
        text, after=r"pipelines?|steps of|through|using|with|run|apply|use|step of|of|from|in|into|save|show|display"
    )
    said = re.search(r"\bpipelines?\s+(?:called\s+|named\s+)?[\"'“]?([A-Za-z]\w*[_\d]\w*)", text, re.I)
    names = ([said[1]] if said else []) + [
        one for one in after if one.lower() not in own and not re.search(r"\s|\.", one)
    ]
    outputs = {re.sub(r"\.\w+$", "", one) for one in files(text)}
    return next((one for one in names if one not in outputs), stem_of(asked.table.name))


def _step(asked: Asked, *kinds: str) -> dict[str, Any]:
    """The pipeline, and the columns of the kinds that the step is for; all columns said if none is of these."""
    chosen = [column.name for column in asked.of(*kinds)] if kinds else asked.names
    return {"pipeline": pipeline_name(asked)} | ({"columns": chosen or asked.names} if asked.names else {})


def _choice(asked: Asked, choices: dict[str, str]) -> str | None:
    return next((choice for choice, pattern in choices.items() if asked.has(pattern)), None)


def _roles(asked: Asked) -> dict[str, Any]:
    split = _split(asked)
    group = str(split.get("column", "")) if split else ""
    rest = [column for column in asked.columns if column.name != group]
    ignored = _ignored(asked)
    target = target_of(
        Asked(asked.reading, asked.table, asked.action, tuple(c for c in rest if c.name not in ignored), asked.found)
    )
    arguments: dict[str, Any] = {"target": target.name} if target else {}
    if ignored:
        arguments["overrides"] = dict.fromkeys(ignored, "ignore")
    if split:
        arguments["split"] = split
    names = named(asked.reading.text, after="named|called|name|pipeline")
    return arguments | ({"pipeline": names[0]} if names else {})


def _ignored(asked: Asked) -> list[str]:
    if not asked.has(r"\b(ignor\w*|leave out|leaving out|exclud\w*|without)\b"):
        return []
    match = re.search(r"\b(ignor\w*|leave out|leaving out|exclud\w*|without)\b", asked.text)
    start = match.start() if match else 0
    return [column.name for column in asked.columns if 0 <= (asked.place(column.name) or (-1, 0))[0] - start < 40]


def _split(asked: Asked) -> dict[str, Any]:
    split: dict[str, Any] = {}
    moments, groups = asked.of("datetime"), asked.of("id", "category")
    if moments and asked.has(r"\b(split|time|hold out|latest|test|older|chronolog\w*|by)\b"):
        split = {"method": "time", "column": moments[0].name}
    elif groups and asked.has(
        r"\b(group\w*|both (sides|sets)|one side|same side|in both|training and test|train and test|never "
        r"in|turn up in|all (of an? )?\w+'?s? rows|per)\b"
    ):
        split = {"method": "group", "column": groups[-1].name}
    share = fraction(asked.text)
    if share is not None and 0 < share < 1 and asked.has(r"\b(test\w*|hold|held|aside|split)\b"):
        split["test_fraction"] = share if share <= 0.5 else round(1 - share, 6)
    return split


def _impute(asked: Asked) -> dict[str, Any]:
    arguments = _step(asked)
    strategy = _choice(asked, _IMPUTATIONS)
    if strategy:
        arguments["strategy"] = strategy
    if strategy == "constant":
        found = numbers(asked.text)
        arguments["fill_value"] = plainly(found[0].value) if found else 0
    if asked.has(r"\b(flags?|indicators?|mark\w*|remember which|telling me which|note which)\b"):
        arguments["indicators"] = True
    return arguments


def _encode(asked: Asked) -> dict[str, Any]:
    strategy = _choice(asked, _ENCODINGS)
    return _step(asked) | ({"strategy": strategy} if strategy and not _declined(asked, strategy) else {})


def _declined(asked: Asked, strategy: str) -> bool:
    return strategy == "onehot" and asked.has(r"\b(too many|instead of|not|no|rather than|without)\b.*\bdumm")


def _scale(asked: Asked) -> dict[str, Any]:
    method = _choice(asked, _SCALINGS)
    return _step(asked) | ({"method": method} if method else {})


def _datetime(asked: Asked) -> dict[str, Any]:
    arguments = _step(asked, "datetime")
    country = next((code for word, code in _COUNTRIES.items() if asked.has(rf"\b{word}\b")), None)
    if country and asked.has(r"\b(holiday|holidays|bank|festiv\w*|public)\b"):
        arguments["country"] = country
    return arguments


def _texts(asked: Asked) -> dict[str, Any]:
    arguments = _step(asked)
    model = _choice(asked, {"embedding": r"\bembed\w*", "hashing": r"\bhash\w*|no word", "tfidf": r"\btf.?-?.?idf\b"})
    if model:
        arguments["model"] = model
    for key, pattern in (
        ("components", r"(\d+) (?:components?|dimensions?|topics?)|components to (\d+)"),
        ("max_features", r"(\d+) (?:terms|words|features)"),
    ):
        match = re.search(pattern, asked.text)
        if match:
            arguments[key] = int(match[1] or match[2])
    return arguments


def _interactions(asked: Asked) -> dict[str, Any]:
    arguments = _step(asked)
    degree = re.search(r"\b(?:degree|order)\s+(?:of\s+)?(\w+)|\b(\w+)(?:rd|th)? degree|\bpair", asked.text)
    found = numbers(degree[1] or degree[2] or "") if degree else []
    if found and 2 <= found[0].value <= 4:
        arguments["max_degree"] = int(found[0].value)
    limit = re.search(r"\b(?:at most|no more than|max(?:imum)?(?: of)?|limit(?: of| to)?|up to)\s+(\d+)", asked.text)
    if limit and int(limit[1]) >= 1 and not (degree and limit[1] in degree[0]):
        arguments["limit"] = min(int(limit[1]), 5_000)
    return arguments


def _select(asked: Asked) -> dict[str, Any]:
    arguments: dict[str, Any] = {"pipeline": pipeline_name(asked)}
    method = _choice(asked, _SELECTIONS)
    if method:
        arguments["method"] = method
    counted = re.search(
        r"\b(?:top|best|keep|which|the|only|just|to|k ?=|leave|select|choose|pick)\s+(?:the\s+)?(?:top|best|"
        r"most \w+)?\s*(\d+|\w+)\b",
        asked.text,
    )
    found = [one for one in numbers(asked.text) if 1 <= one.value <= 100_000 and one.value == int(one.value)]
    if counted and found:
        arguments["k"] = int(found[-1].value if asked.has(r"\bof\b.*\bkeep\b") else found[0].value)
    return arguments


def _save(asked: Asked) -> dict[str, Any]:
    text = asked.reading.text
    name = named(text, after="as|under|name|under the name|under the name of|call it|als|comme|como|come")
    arguments: dict[str, Any] = {"pipeline": pipeline_name(asked)}
    if name:
        arguments["name"] = name[0]
        if arguments["pipeline"] == name[0]:
            arguments["pipeline"] = stem_of(asked.table.name)
    if asked.has(r"\b(overwrite|replace|again)\b"):
        arguments["overwrite"] = True
    return arguments


def _show(asked: Asked) -> dict[str, Any]:
    every = asked.has(r"\b(pipelines|all|which pipelines?|any pipeline)\b") and not named(asked.reading.text)
    return {} if every else {"pipeline": pipeline_name(asked)}


def _edit(asked: Asked) -> dict[str, Any]:
    numbered = re.search(
        rf"\b(?:{_STEPS})s?\s*(?:no\.?|nr\.?|number|#)?\s*(\d+|one|two|three|four|five|six|seven|eight|"
        rf"nine)\b|\b(\d+)(?:st|nd|rd|th)? (?:{_STEPS})",
        asked.text + " " + asked.reading.text.lower(),
    )
    ordinals = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
    worded = re.search(rf"\b({'|'.join(ordinals)}) (?:{_STEPS})", asked.text)
    found = numbers(numbered[1] or numbered[2]) if numbered else []
    begins = asked.has(r"\b(roles?|split|target|beginning|from the start|ignored?)\b") and not found
    if not found and not worded and not begins:
        raise MissingArgument("say the number of the step to change; show_pipeline lists them")
    step = int(found[0].value) if found else ordinals[worded[1]] if worded else 0
    arguments: dict[str, Any] = {"pipeline": pipeline_name(asked), "step": step}
    changes = _changes(asked)
    if (
        asked.has(
            r"\b(remove|delete|drop|take (it |that )?(back )?out|kick|undo|throw|get rid|without|discard|revert)\b"
        )
        and not changes
    ):
        arguments["remove"] = True
    elif changes:
        arguments["arguments"] = changes
    return arguments


def _changes(asked: Asked) -> dict[str, Any]:
    text = re.split(r"\b(?:instead of|rather than|not|in place of)\b", asked.text)[0]
    changes: dict[str, Any] = {}
    for key, choices in (("strategy", {**_IMPUTATIONS, **_ENCODINGS}), ("method", {**_SCALINGS, **_SELECTIONS})):
        chosen = next((choice for choice, pattern in choices.items() if re.search(pattern, text)), None)
        if chosen and chosen != "target":
            changes[key] = chosen
            break
    for key, pattern in (
        ("components", r"components (?:to|=)?\s*(\d+)|(\d+) components"),
        ("k", r"\bk (?:to|=|should be)?\s*(\d+)"),
    ):
        match = re.search(pattern, asked.text)
        if match:
            changes[key] = int(number(next(group for group in match.groups() if group)))
    return changes


def _apply(asked: Asked) -> dict[str, Any]:
    text = asked.reading.text
    paths = files(text)
    output = re.search(
        r"\b(?:to|into|output|as|write|in|nach|vers|a|en|naar|do)\W+(?:\w+\W+){0,3}?([\w./-]+\.parquet)", text, re.I
    )
    chosen = output[1] if output else next((path for path in paths if path.endswith(".parquet")), None)
    pipeline = pipeline_name(asked)
    rows = [
        one
        for one in (*paths, *other_names(asked))
        if one not in (chosen, pipeline) and one in (*paths, *asked.table.others)
    ]
    dataset = rows[0] if rows else asked.table.name
    return {"pipeline": pipeline, "dataset": dataset, "output": chosen or f"{stem_of(dataset)}_features.parquet"}


FEATURES: dict[str, Callable[[Asked], dict[str, Any]]] = {
    "assign_feature_roles": _roles,
    "impute_missing_values": _impute,
    "encode_categorical_features": _encode,
    "scale_numeric_features": _scale,
    "generate_datetime_features": _datetime,
    "vectorise_text_features": _texts,
    "generate_interactions": _interactions,
    "select_features": _select,
    "save_fe_pipeline": _save,
    "show_pipeline": _show,
    "edit_pipeline": _edit,
    "apply_fe_pipeline": _apply,
}
