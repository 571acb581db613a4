"""Compile what the services import, on every core; run by the environment's own Python.

Python compiles what it imports by itself, once. Doing it beforehand on all cores is worth the time
for what the services import, and a waste for tests and for what only few people use. Run as a
program, ``compileall`` looks into every folder, and hands each file to its processes by itself,
together with the pattern of what is left out: that costs a quarter of the whole.
"""

from __future__ import annotations

import compileall
import os
import re
import signal
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import parent_process
from threading import Thread

#: What is compiled when it is imported, if it is.
NOT_COMPILED = re.compile(
    r"/(tests?|testing|benchmarks|_examples|codemod|lexers|styles|sphinxext|example_dags"
    r"|plotting|matchers|semconv)/"
    r"|/site-packages/(pip|setuptools|pkg_resources|mypyc?|celery|flower|kombu|billiard|redis"
    r"|amqp|vine|grpc|google|dns|openpyxl|prompt_toolkit|hypothesis|_pytest|pytest|hatchling"
    r"|prometheus_client|sqlparse|cffi|pycparser|aiosqlite|wcwidth|websockets|numpy/distutils"
    r"|scipy/(signal|io|cluster|odr|datasets|fftpack|differentiate|_lib/(cobyqa|pyprima))"
    r"|airflow/providers/(fab|celery|common/sql)|flask_\w+|wtforms|babel|apispec|limits|cachelib"
    r"|sqlalchemy_utils|sqlalchemy/dialects/(oracle|mssql)|markdown_it|linkify_it|more_itertools"
    r"|tomlkit|natsort|jmespath|humanize|fasteners|et_xmlfile|click_repl|fastapi_cli|rich_toolkit"
    r"|narwhals/_(pandas_like|arrow|polars|dask|spark_like|duckdb|ibis|sql)|pyarrow/parquet"
    r"|opentelemetry/(exporter|proto|sdk/(metrics|_logs))|libcst/(_parser/conversions|codegen)"
    r"|werkzeug/(debug|middleware)|upath/implementations|packaging/licenses|trove_classifiers"
    r"|great_expectations/(self_check|agent_skills|core/expectation_diagnostics)"
    r"|tornado|aiosmtplib|greenback|msgpack|pydantic_extra_types|pydantic/(mypy\.py|experimental)"
    r"|pandas/(conftest\.py|io/sas|io/formats/style(_render)?\.py)|fsspec/implementations"
    r"|scipy/(special/(_add_newdocs\.py|_precompute)|_lib/array_api_compat/torch)"
    r"|rich/(_emoji_codes|markdown)\.py|idna/uts46data\.py|anyio/_backends/_trio\.py"
    r"|packaging/(ranges|pylock)\.py|numpy/lib/recfunctions\.py|pyarrow/interchange"
    r"|(urllib3|tqdm)/contrib|mistune/directives|asyncpg/_testbase|airflow/sdk/coordinators"
    r"|airflow/(cli/commands|providers/smtp)|rich/_unicode_data|pendulum/locales|platformdirs"
    r"|sqlalchemy/ext/automap\.py|psutil/_ps(windows|osx|bsd|sunos|aix)\.py|pyarrow/pandas_compat\.py"
    r"|fsspec/(asyn|prefetcher|parquet|gui|generic)\.py|psycopg/pq/_?pq_ctypes\.py)(/|$)"
)
#: Files that a process takes at a time. The large ones come first, so that all end together.
_AT_A_TIME = 8


def main() -> int:
    """Compile the packages of the environment that this Python belongs to; 0 when all are."""
    found = sorted(sources(sysconfig.get_path("purelib")), key=os.path.getsize, reverse=True)
    try:
        compile_all(found)
    except BrokenProcessPool:
        print(
            "make: a process that compiled packages was killed, perhaps for want of memory: "
            "Python compiles the rest when it imports them.",
            file=sys.stderr,
        )
        return 1
    return 0


def compile_all(found: Iterable[str]) -> None:
    """Compile on every core. Raises `BrokenProcessPool` where a process is killed.

    `multiprocessing.Pool` starts another in its place, and waits for what the first had for good.
    """
    with ProcessPoolExecutor(initializer=_begin) as pool:
        for _ in pool.map(compile_one, found, chunksize=_AT_A_TIME):
            pass


def sources(folder: str) -> Iterator[str]:
    """Every source file below a folder that is worth compiling."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__" and not NOT_COMPILED.search(f"{entry.path}/"):
                yield from sources(entry.path)
        elif entry.name.endswith(".py") and not NOT_COMPILED.search(entry.path):
            yield entry.path


def compile_one(source: str) -> None:
    """Compile a file if it is not; one that cannot be is a template, or for another Python."""
    compileall.compile_file(source, quiet=2)


def _begin() -> None:
    """Have a new process say nothing, and outlive neither Ctrl-C nor the one that started it.

    What is doubtful in the packages of others is no news for whoever installs them.
    """
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
