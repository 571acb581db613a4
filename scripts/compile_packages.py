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
from collections.abc import Iterator, Sequence
from multiprocessing import Process, parent_process
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


def main() -> int:
    """Compile the packages of the environment that this Python belongs to; 0 when all are."""
    found = sorted(sources(sysconfig.get_path("purelib")), key=os.path.getsize)
    if not compile_all(found):
        print(
            "make: a process that compiled packages was killed, perhaps for want of memory: "
            "Python compiles the rest when it imports them.",
            file=sys.stderr,
        )
        return 1
    return 0


def compile_all(found: Sequence[str]) -> bool:
    """Compile files on every core; whether every process came to its end.

    Each process has every nth file, so that of files in order of size all have as much to do.
    A pool would have a queue for it, which a process that is killed leaves in disorder:
    ``multiprocessing.Pool`` waits for good for what it had, and ``ProcessPoolExecutor`` may end
    with a traceback of its own.
    """
    cores = os.cpu_count() or 1
    processes = [Process(target=_compile_share, args=(found[n::cores],)) for n in range(cores)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return not any(process.exitcode for process in processes)


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


def _compile_share(share: Sequence[str]) -> None:
    """Compile in a new process, which says nothing and ends with Ctrl-C and with its parent.

    What is doubtful in the packages of others is no news for whoever installs them.
    """
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()
    for source in share:
        compile_one(source)


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
