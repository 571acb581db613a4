"""Reading YAML: plain data with lines, and every file that is not, told in one sentence."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path

import pytest

from profile_exchange.config.yaml_source import MAX_BYTES, dotted, read_text, read_yaml, shown
from profile_exchange.domain.errors import ConfigurationError, Problem


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "file.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def problems_in(folder: Path, content: str | bytes) -> tuple[Problem, ...]:
    """The problems of a file with this content, whether it can be read with them or not."""
    try:
        return read_yaml(written(folder, content), root=folder).mistakes
    except ConfigurationError as error:
        return error.problems


def problem_in(folder: Path, content: str | bytes) -> Problem:
    """The one problem of a file with this content."""
    (problem,) = problems_in(folder, content)
    assert problem.file == "file.yaml"
    return problem


def test_every_key_and_item_knows_its_line(tmp_path: Path) -> None:
    document = read_yaml(written(tmp_path, "a: 1\nb:\n  - x\n  - {c: 2}\n"))
    assert document.data == {"a": 1, "b": ["x", {"c": 2}]}
    assert document.lines == {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4}
    assert document.line(("b", 1, "missing")) == 4
    assert document.line(("elsewhere",)) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("0.05", 0.05),
        (".5", 0.5),
        ("1.5e3", 1500.0),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("yes", "yes"),
        ("on", "on"),
        ("NO", "NO"),
        ("007", "007"),
        ("12:30", "12:30"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("2024-01-31", "2024-01-31"),
        ("2024-13-45", "2024-13-45"),
        (".nan", ".nan"),
        ("9" * 40, "9" * 40),
        ("'5'", "5"),
        ('"true"', "true"),
        ("|-\n  5", "5"),
    ],
)
def test_only_what_is_plainly_a_number_or_a_word_is_more_than_text(
    tmp_path: Path, text: str, value: object
) -> None:
    found = read_yaml(written(tmp_path, f"key: {text}\n")).data["key"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_even_where_yaml_1_1_saw_booleans(tmp_path: Path) -> None:
    document = read_yaml(written(tmp_path, "on: a\nyes: b\n1: c\nnull: d\n2024-01-01: e\n"))
    assert document.data == {"on": "a", "yes": "b", "1": "c", "null": "d", "2024-01-01": "e"}


@pytest.mark.parametrize("content", ["\ufeffa: 1\n", "a: 1\r\n", "---\na: 1\n...\n"])
def test_a_mark_at_the_start_windows_lines_and_document_marks_are_fine(
    tmp_path: Path, content: str
) -> None:
    assert read_yaml(written(tmp_path, content)).data == {"a": 1}


def test_aliases_stand_for_what_they_name(tmp_path: Path) -> None:
    document = read_yaml(written(tmp_path, "a: &x [1, 2]\nb: *x\n"))
    assert document.data == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("", 1, "the file is empty."),
        ("# nothing but a comment\n", 1, "the file is empty."),
        ("- a\n", 1, "the file must be a mapping of keys to values."),
        ("word\n", 1, "the file must be a mapping of keys to values."),
        ("a: 1\n---\nb: 2\n", 2, "this is not YAML: expected a single document in the stream"),
        ("a: 1\n\tb: 2\n", 2, "Indent with blanks, not with tabs."),
        ("a: 1\nb: [1\nc: 2\n", 2, "this is not YAML: while parsing a flow sequence"),
        ("a: 1\nb: 'x\nc: 2\n", 2, "this is not YAML: while scanning a quoted scalar"),
        ("a: 1\ncron: */15 * * * *\n", 2, " Put text that starts with a sign such as * & @"),
        ("cron: @daily\n", 1, " Put text that starts with a sign such as * & @"),
        ("a: b: c\n", 1, "Look at the indentation, and put text with a colon in it in quotes."),
        ("a: 1\n b: 2\n", 2, "Look at the indentation, and put text with a colon in it in quotes."),
        ("a: *nobody\n", 1, "found undefined alias"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "tags such as "),
        ("a: !!timestamp soon\n", 1, "tags such as "),
        ("!!str a: 1\n!!int b: 1\n", 2, "a key must be text."),
        ("a: 1\n? [b, c]\n: 2\n", 2, "a key must be text."),
        ("a: 1\nb: 2\na: 3\n", 3, "this key stands here twice; keep one."),
        ('a: "x\\0y"\n', 1, "this text holds a control character; remove it."),
        ('a: 1\n"k\\ey": 1\n', 2, "this text holds a control character; remove it."),
        ("a: 1\nb: \x01\n", 2, "there is a control character here; remove it."),
        (b"a: caf\xe9\n", 0, "the file is not UTF-8 text."),
        ("a: 1\n".encode("utf-16"), 0, "the file is not UTF-8 text."),
        (b"a: " + b"x" * MAX_BYTES, 0, "the file is larger than 1024 KB."),
        ("a: " + "[" * 100_000, 1, "this nests deeper than 20 levels."),
        ("a:\n" + "".join(" " * n + "-\n" for n in range(1, 40)), 21, "this nests deeper than"),
        ("a: &x [*x]\n", 1, "this nests deeper than 20 levels."),
        ("a: [" + "1," * 300_000 + "]", 1, "the file holds more than 100,000 values"),
    ],
)
def test_a_file_that_is_no_plain_mapping_is_told_with_its_line(
    tmp_path: Path, content: str | bytes, line: int, message: str
) -> None:
    problem = problem_in(tmp_path, content)
    assert message in problem.message
    assert problem.line == line


def test_every_repeated_key_is_told_once_with_its_place(tmp_path: Path) -> None:
    content = "a: {b: 1, b: 2}\nc:\n  - d: 1\n    d: 2\na: {b: 3}\n"
    problems = problems_in(tmp_path, content)
    assert [(p.line, p.key) for p in problems] == [(1, "a.b"), (4, "c[0].d"), (5, "a")]


MISTAKEN = "a: 1\na: 2\n? [b]\n: 3\nc: 4\n"


def test_a_file_is_read_without_its_mistaken_keys_and_a_text_is_not(tmp_path: Path) -> None:
    document = read_yaml(written(tmp_path, MISTAKEN))
    assert document.data == {"a": 1, "c": 4}
    assert [problem.line for problem in document.mistakes] == [2, 3]
    with pytest.raises(ConfigurationError) as raised:
        read_text(MISTAKEN, "file.yaml")
    assert [problem.line for problem in raised.value.problems] == [2, 3]


@pytest.mark.parametrize("content", ["b: !x 1\n", 'b: "\\0"\n'])
def test_what_makes_a_file_unreadable_hides_no_repeated_key(tmp_path: Path, content: str) -> None:
    problems = problems_in(tmp_path, f"a: 1\na: 2\n{content}")
    assert [problem.line for problem in problems] == [2, 3]


def bomb(of: str) -> str:
    """Ten values, of which each is ten of the one before: ten billion in all."""
    lines = [f"v0: &v0 [{of}]"]
    lines += [f"v{n}: &v{n} [{', '.join([f'*v{n - 1}'] * 10)}]" for n in range(1, 11)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "content",
    [bomb("lol"), f"a: &a {'x' * 500_000}\nb: [{'*a, ' * 90_000}]\n"],
    ids=["ten billion values", "one long text ninety thousand times"],
)
def test_aliases_cannot_fill_the_memory_or_the_day(tmp_path: Path, content: str) -> None:
    tracemalloc.start()
    started = time.perf_counter()
    problem = problem_in(tmp_path, content)
    taken = time.perf_counter() - started
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "aliases" in problem.message
    assert most < 200 * 1024 * 1024
    assert taken < 20


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    told = {}
    missing, long = tmp_path / "missing.yaml", tmp_path / f"{'x' * 300}.yaml"
    for path in (folder, loop, pipe, missing, long, Path("/dev/zero")):
        with pytest.raises(ConfigurationError) as raised:
            read_yaml(path, root=tmp_path)
        (problem,) = raised.value.problems
        told[problem.file] = problem.message
    assert told == {
        "folder.yaml": "this is not a file.",
        "loop.yaml": "the file cannot be read: too many levels of symbolic links.",
        "pipe.yaml": "this is not a file.",
        "missing.yaml": "the file cannot be read: no such file or directory.",
        long.name: "the file cannot be read: file name too long.",
        "/dev/zero": "this is not a file.",
    }


def test_messages_stay_on_one_line_whatever_keys_and_files_are_called(tmp_path: Path) -> None:
    assert dotted(("import", "links", 0, "ours")) == "import.links[0].ours"
    assert dotted(("a", "line\nbreak")) == "a.'line\\nbreak'"
    assert "\n" not in shown(tmp_path / "line\nbreak.yaml")
    assert shown(Path(os.fsdecode(b"caf\xe9.yaml"))) == "caf\\xe9.yaml"
