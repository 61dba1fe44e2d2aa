#!/usr/bin/env python3
"""Runs the benchmarks of a build folder side by side and writes bench/report.md.

    python3 bench/report.py BUILD [--quick] [--rows a,b] [--rounds N] [--output FILE]

It measures in rounds. In a round, row after row, every contender (the limit, ours on each backend, the peers) runs once
as a process of its own, pinned to one core; the next round takes the contenders in reverse (ABBA). A ratio is the median
of the ratios of the rounds, each of two runs a moment apart. Measure on a quiet machine: a busy neighbour slows what
fills the core (ours, the peers) more than what waits for itself (a limit). Times fail nothing; a program that crashes, or
that runs on another backend than it was told, fails the run.

A suite is bench/limit/SUITE.cc, bench/rows/SUITE.cc and bench/peers/PEER_SUITE.{cc,go}. A new row is one line in ROWS.
"""
import argparse
import glob
import json
import os
import platform
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BACKENDS = ("io_uring", "epoll")


class Row:
    """A line of the report: what is measured, and what it shall reach."""

    def __init__(self, number, suite, name, title, unit="ns", ratio=None, most=None, above=None):
        self.number, self.suite, self.name, self.title, self.unit = number, suite, name, title, unit
        self.ratio = ratio  # ours / limit shall not be above this
        self.most = most  # ours shall not be above this
        self.above = above  # ours - limit shall not be above this

    def reach(self):
        if self.ratio is not None:
            return f"≤ {self.ratio:g} × limit"
        if self.most is not None:
            return f"≤ {show(self.most, self.unit)}"
        return f"≤ limit + {show(self.above, self.unit)}"

    def reached(self, ours, limit, ratio):
        """None: it cannot be said."""
        if self.ratio is not None:
            return None if ratio is None else ratio <= self.ratio
        if self.most is not None:
            return ours <= self.most
        return None if limit is None else ours - limit <= self.above


def rearm_rows():
    for kind, words in (("to_deadline", "to a given deadline"), ("from_now", "from now")):
        for count in (1000, 100000, 1000000):
            yield Row("5", "timers", f"rearm_{kind}_{count}",
                      f"re-arm a timer, {words}, {count:,} outstanding", ratio=1.5)


ROWS = [
    Row("1", "coroutines", "await_child", "co_await of a child that finishes at once", ratio=1.3),
    Row("2", "coroutines", "yield", "yield between two tasks", ratio=1.6),
    Row("3", "coroutines", "spawn_join", "spawn + join", ratio=2.2),
    Row("4", "coroutines", "channel_128", "channel of 128, per element", most=12),
    *rearm_rows(),
    Row("14", "memory", "sleeping_task_bytes", "a sleeping task (of 10⁶)", unit="B", most=256),
    Row("14", "memory", "start_to_exit", "start to exit of an empty program, exec included",
        above=500_000),
]


def show(figure, unit):
    """Three figures that count, in the unit that reads best."""
    if unit == "ns":
        for limit, factor, name in ((1e3, 1, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms")):
            if figure < limit:
                break
        figure, unit = figure / factor, name
    digits = 2 if figure < 10 else 1 if figure < 100 else 0
    return f"{figure:.{digits}f} {unit}"


def quartiles(figures):
    if len(figures) < 3:
        return min(figures), max(figures)
    low, _, high = statistics.quantiles(figures, n=4, method="inclusive")
    return low, high


class Contender:
    """One program, and the world in which it is run."""

    def __init__(self, label, program, backend=None):
        self.label, self.program, self.backend = label, program, backend


def find_program(build, *names):
    for name in names:
        for folder in (os.path.join(build, "bench"), build):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    return None


def go_program(build, suite, source):
    """Go's build is not meson's: it is made here, where a Go compiler is installed."""
    if not shutil.which("go"):
        return None
    program = os.path.join(build, "bench", f"go_{suite}")
    os.makedirs(os.path.dirname(program), exist_ok=True)
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        subprocess.run(["go", "build", "-o", program, source], check=True,
                       env=dict(os.environ, GO111MODULE="off"))
    return program


def contenders_of(build, suite):
    """(found, the programs that are missing)"""
    found, missing = [], []
    limit = find_program(build, f"limit_{suite}", f"limit/{suite}", f"bench_limit_{suite}")
    ours = find_program(build, f"rows_{suite}", f"rows/{suite}", f"bench_rows_{suite}")
    if limit:
        found.append(Contender("limit", limit))
    else:
        missing.append(f"bench/limit/{suite}")
    if ours:
        found += [Contender(backend, ours, backend) for backend in BACKENDS]
    else:
        missing.append(f"bench/rows/{suite}")
    if not found:
        return found, missing
    for source in sorted(glob.glob(os.path.join(HERE, "peers", f"*_{suite}.*"))):
        stem, kind = os.path.splitext(os.path.basename(source))
        peer = stem[:-len(suite) - 1]
        if kind == ".go":
            program = go_program(build, suite, source)
        else:
            program = find_program(build, stem, f"peers_{stem}", f"peers/{stem}",
                                   f"bench_peers_{stem}")
        if program:
            found.append(Contender({"uv": "libuv", "asio": "Asio", "go": "Go"}.get(peer, peer),
                                   program))
        else:
            missing.append(f"bench/peers/{stem}")
    return found, missing


class Failures(list):
    """What went wrong, each once; and the backends that our programs have said to be live."""

    live = set()

    def add(self, text):
        if text not in self:
            self.append(text)
            print(f"  FAILED: {text}", file=sys.stderr)


def run_once(contender, row, scale, core, failures):
    """The row's figure; None where the contender has no such row."""
    command = ["taskset", "-c", str(core), contender.program, f"--scale={scale}", row.name]
    environment = dict(os.environ)
    environment.pop("EDDY_BACKEND", None)
    if contender.backend:
        environment["EDDY_BACKEND"] = contender.backend
    what = f"{os.path.basename(contender.program)} ({contender.label}), row {row.name}"
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True,
                              timeout=120, check=False)
    except subprocess.TimeoutExpired:
        failures.add(f"{what}: no end within 120 s")
        return None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        failures.add(f"{what}: exit status {done.returncode}: {last}")
        return None
    lines = dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
    if contender.backend and lines.get("backend") != contender.backend:
        failures.add(f"{what}: told {contender.backend}, live is {lines.get('backend')}")
        return None
    if contender.backend:
        failures.live.add(contender.backend)
    if row.name not in lines:
        if contender.label == "limit" or contender.backend:
            failures.add(f"{what}: printed no such row")
        return None
    return float(lines[row.name])


def measure(rows, suites, rounds, scale, core, peers_once, failures):
    """{row name: {label: [the figure of each round, or None]}}

    Every row is taken once in each round, so that a disturbance of some seconds reaches one round of a few rows, which
    the medians leave out, and not all rounds of one.
    """
    figures = {row.name: {c.label: [] for c in suites[row.suite]} for row in rows}
    skip = set()
    for number in range(rounds):
        started = time.monotonic()
        for row in rows:
            contenders = suites[row.suite]
            for contender in contenders if number % 2 == 0 else reversed(contenders):
                figure = None
                is_peer = contender.label != "limit" and not contender.backend
                if peers_once and is_peer and number:
                    continue
                if (row.name, contender.label) not in skip:
                    figure = run_once(contender, row, scale, core, failures)
                    if figure is None:
                        skip.add((row.name, contender.label))  # nor will it have the row later
                figures[row.name][contender.label].append(figure)
            own = [f"{label} {show(values[-1], row.unit)}"
                   for label, values in figures[row.name].items() if values[-1]]
            print(f"[{number + 1}/{rounds}] {row.title}: {', '.join(own) or 'nothing'}", flush=True)
        print(f"[{number + 1}/{rounds}] done in {time.monotonic() - started:.0f} s", flush=True)
    return {name: {label: values for label, values in by_label.items() if any(values)}
            for name, by_label in figures.items()}


def ratio_of(ours, limit):
    ratios = [a / b for a, b in zip(ours, limit) if a and b]
    return (statistics.median(ratios), quartiles(ratios)) if ratios else None


def cell(figures, unit):
    values = [value for value in figures if value]
    low, high = quartiles(values)
    low, high = (text.rsplit(" ", 1) for text in (show(low, unit), show(high, unit)))
    spread = low[0] if low == high else f"{low[0]}…{high[0]}" if low[1] == high[1] else \
        f"{' '.join(low)}…{' '.join(high)}"
    return f"{show(statistics.median(values), unit)} ({spread})"


def summary(row, figures):
    """The line of the table, as cells."""
    limit = figures.get("limit")
    cells = [row.number, row.title]
    verdicts = []
    for backend in BACKENDS:
        ours = figures.get(backend)
        if not ours:
            cells += ["–", "–"]
            continue
        ratio = ratio_of(ours, limit) if limit else None
        cells.append(cell(ours, row.unit))
        cells.append(f"{ratio[0]:.2f} ({ratio[1][0]:.2f}…{ratio[1][1]:.2f})" if ratio else "–")
        verdicts.append(row.reached(
            statistics.median(value for value in ours if value),
            statistics.median(value for value in limit if value) if limit else None,
            ratio[0] if ratio else None))
    cells.append(cell(limit, row.unit) if limit else "–")
    verdict = "–" if not verdicts or None in verdicts else \
        "yes" if all(verdicts) else "**no**" if not any(verdicts) else "**one backend**"
    cells += [row.reach(), verdict]
    peers = []
    own = [statistics.median(value for value in figures[b] if value)
           for b in BACKENDS if figures.get(b)]
    for label, values in figures.items():
        if label == "limit" or label in BACKENDS:
            continue
        middle = statistics.median(value for value in values if value)
        factor = f", {middle / min(own):.1f} ×" if own else ""
        peers.append(f"{label} {show(middle, row.unit)}{factor}")
    cells.append("; ".join(peers) or "–")
    return cells


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True,
                              check=False).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "unknown"


def compiled_with(build):
    """(compiler, options that say how fast the code can be), from the build folder's own record."""
    try:
        with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
            commands = [entry["command"] for entry in json.load(file)]
    except (OSError, ValueError, KeyError):
        return first_line(["c++", "--version"]), "unknown options"
    words = shlex.split(next((c for c in commands if "bench/" in c), commands[0]))
    compiler = [word for word in words if re.search(r"(\+\+|cc)(-\d+)?$", word)][:1] or ["c++"]
    kept = [word for word in words
            if re.match(r"-(O|g$|DNDEBUG|D_GLIBCXX|march|flto|fsanitize)", word)]
    return first_line([compiler[0], "--version"]), " ".join(kept)


def machine():
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":", 1)[1].strip() for line in file
                         if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    shared = ""
    try:
        with open("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list",
                  encoding="utf-8") as file:
            if not file.read().strip().isdigit():
                shared = " (threads of shared cores)"
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} cores{shared}"


def load():
    return f"{os.getloadavg()[0]:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="the build folder")
    parser.add_argument("--quick", action="store_true", help="few short rounds: under three minutes")
    parser.add_argument("--rows", help="only these rows, separated by commas")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--output", default=os.path.join(HERE, "report.md"))
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 15)
    scale = 0.25 if options.quick else 1.0
    rows = ROWS
    if options.rows:
        wanted = options.rows.split(",")
        unknown = set(wanted) - {row.name for row in ROWS}
        if unknown:
            parser.error(f"no such row: {', '.join(sorted(unknown))}; there are: "
                         + ", ".join(row.name for row in ROWS))
        rows = [row for row in ROWS if row.name in wanted]
    core = max(os.sched_getaffinity(0))
    failures, missing = Failures(), []
    suites = {}
    for row in rows:
        if row.suite not in suites:
            suites[row.suite], gone = contenders_of(options.build, row.suite)
            missing += gone
    if not any(suites.values()):
        parser.error(f"no benchmark program in {options.build}: configure with -Dbenchmarks=enabled")
    before, started = load(), time.monotonic()
    figures = measure(rows, suites, rounds, scale, core, options.quick, failures)
    table = [summary(row, figures[row.name]) for row in rows]
    compiler, flags = compiled_with(options.build)
    head = ["#", "what", "io_uring", "÷ limit", "epoll", "÷ limit", "limit", "reach", "reached",
            "peers (theirs ÷ our better)"]
    lines = [
        "# Benchmarks", "",
        "Written by `bench/report.py` (`./dev bench`); how it measures stands there. Medians of the rounds, in brackets the "
        "quartiles; a ratio is the median of the ratios of the rounds.", "",
        f"- {machine()}; Linux {platform.release()}",
        f"- {compiler}; {flags}, the same for all C++ programs",
        f"- live backends, as each of our programs reported: {', '.join(sorted(failures.live)) or 'none'}",
        f"- {rounds} rounds{' (a quick run; the peers in one)' if options.quick else ''}, alternating in direction, pinned to core {core}; "
        f"load of the machine {before} before, {load()} after",
    ]
    if missing:
        lines.append(f"- not built here: {', '.join(missing)}")
    lines += [f"- FAILED: {failure}" for failure in failures]
    lines += ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cells) + " |" for cells in table]
    print("\n".join(lines[lines.index(""):]))
    with open(options.output, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{options.output} written after {time.monotonic() - started:.0f} s")
    if failures:
        sys.exit(f"{len(failures)} failed")


if __name__ == "__main__":
    main()
