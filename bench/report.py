#!/usr/bin/env python3
"""Runs the benchmarks of a build folder side by side and writes bench/report.md.

    python3 bench/report.py BUILD [--quick] [--rows a,b] [--rounds N] [--output FILE] [--realtime]

It measures in rounds. In a round, row after row, every contender (the limits, ours on each backend, the peers) runs once
as a process of its own, pinned to one core; the next round takes the contenders in reverse (ABBA). A server has the first
core, and one load for all servers (bench/load) the last. A ratio is the median of the ratios of the rounds, each of two
runs a moment apart. Measure on a quiet machine: a busy neighbour slows what fills the core (ours, the peers) more than what
waits for itself (a limit). --realtime runs everything before its neighbours (root only; they then wait). Times fail
nothing; a program that crashes, that gives a wrong result, or that runs on another backend than it was told, fails the run.

A suite is bench/limit/SUITE.cc, bench/rows/SUITE.cc and bench/peers/PEER_SUITE.{cc,go,rs}. A new row is one line in ROWS.
"""
import argparse
import functools
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
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BACKENDS = ("io_uring", "epoll")
QUICK_SECONDS = 125  # for the rounds; what follows takes half a minute


class Row:
    """A line of the report: what is measured, and what it shall reach."""

    def __init__(self, number, suite, name, title, unit="ns", ratio=None, most=None, above=None,
                 key=None, figure=None, limits=None, cores=1, load=None, server=(), costs=False, beside=None):
        self.number, self.suite, self.name, self.title, self.unit = number, suite, name, title, unit
        # ours / limit shall not be above this; of two: the better backend, the other
        self.ratio = ratio if ratio is None or isinstance(ratio, tuple) else (ratio, ratio)
        self.most = most  # ours shall not be above this
        self.above = above  # ours - limit shall not be above this
        self.key = key or name  # for --rows
        self.figure = figure or name  # which of the figures that the run prints
        self.limits = limits  # {backend: the limit's variants it is compared with}; None: all
        self.cores = cores
        self.load = load  # arguments for load/load: the program is a server
        self.server = server  # arguments for that server
        self.costs = costs  # CPU and system calls are reported too
        self.beside = beside  # the limit is what our own row of this name takes, on the same backend
        if beside:
            self.limits = {backend: (backend,) for backend in BACKENDS}

    def run(self):
        """What is executed once for all rows that are equal in this."""
        return (self.suite, self.name, self.cores, self.load, self.server)

    def reach(self):
        if self.ratio is not None:
            better, other = self.ratio
            return f"≤ {better:g} × limit" + (f", the other ≤ {other:g} ×" if other != better else "")
        if self.most is not None:
            return f"≤ {show(self.most, self.unit)}"
        return f"≤ limit + {show(self.above, self.unit)}"

    def reached(self, ours, limit, ratios):
        """For each backend, each of which has its entry in all three; None: it cannot be said."""
        if self.ratio is not None:
            if None in ratios:
                return [None]
            better = min(ratios)
            at = ratios.index(better)
            return [r <= self.ratio[0 if i == at else 1] for i, r in enumerate(ratios)]
        if self.most is not None:
            return [own <= self.most for own in ours]
        return [None if least is None else own - least <= self.above for own, least in zip(ours, limit)]


def rearm_rows():
    for kind, words in (("to_deadline", "to a given deadline"), ("from_now", "from now")):
        for count in (1000, 100000, 1000000):
            yield Row("5", "timers", f"rearm_{kind}_{count}",
                      f"re-arm a timer, {words}, {count:,} outstanding", ratio=1.5)


def echo_rows():
    for count in (1, 64, 1000):
        for figure, words in (("server_cpu", "server CPU per request"), ("p50", "p50"), ("p99", "p99")):
            yield Row("8", "echo_server", f"echo_{count}",
                      f"TCP echo of 64 B, {count} connection{'s' if count > 1 else ''}: {words}",
                      ratio=(1.10, 1.15), key=f"echo_{count}_{figure}", figure=figure,
                      load=(f"--connections={count}",), costs=figure == "server_cpu")


def chunk_rows():
    for count in (64, 1000):
        yield Row("8", "echo_server", f"echo_{count}_chunks",
                  f"TCP echo of 64 B through chunks(), {count} connections: server CPU per request", ratio=1.08,
                  figure="server_cpu", load=(f"--connections={count}",), server=("--chunks",), costs=True)


def file_rows():
    for size, words, ratio in (("4k", "4 KiB", 1.20), ("64k", "64 KiB", 1.05), ("1m", "1 MiB", 1.03)):
        for depth in (1, 32):
            yield Row("11", "file_read", f"read_{size}_{depth}", f"cached file read of {words}, {depth} at a time",
                      ratio=ratio, costs=True)


def offload_rows():
    for depth in (1, 64):
        for cores in (1, 2):
            yield Row("12", "offload", f"offload_{depth}",
                      f"offload round trip, {depth} in flight, on {'one core' if cores == 1 else 'two cores'}",
                      ratio=1.25, key=f"offload_{depth}_cores_{cores}", cores=cores, costs=True)


OWN_KIND = {"io_uring": ("ring", "attempts"), "epoll": ("epoll",)}
FAIR = {backend: ("ring", "attempts", "epoll") for backend in BACKENDS}

ROWS = [
    Row("1", "coroutines", "await_child", "co_await of a child that finishes at once", ratio=1.3),
    Row("2", "coroutines", "yield", "yield between two tasks", ratio=1.6),
    Row("3", "coroutines", "spawn_join", "spawn + join", ratio=2.2),
    Row("4", "coroutines", "channel_128", "channel of 128, per element", most=12),
    *rearm_rows(),
    Row("7", "ping_pong", "ping_pong_1", "ping-pong over a socketpair, 1 pair, round trip", ratio=1.05,
        limits=OWN_KIND, costs=True),
    Row("7", "ping_pong", "ping_pong_64", "ping-pong over socketpairs, 64 pairs, round trip", ratio=1.05,
        limits=OWN_KIND, costs=True),
    *echo_rows(),
    *chunk_rows(),
    Row("10", "echo_server", "churn", "connect, echo 64 B, close; 50 at a time: server CPU for each", ratio=1.10,
        figure="server_cpu", load=("--connections=50", "--churn"), costs=True),
    *file_rows(),
    *offload_rows(),
    Row("13", "post", "post_sleeping", "post to a sleeping loop and back, by futex", ratio=1.05, limits=OWN_KIND, cores=2,
        costs=True),
    Row("13", "post", "post_busy", "post to a busy loop", ratio=1.5, limits=OWN_KIND, cores=2, costs=True),
    Row("14", "memory", "sleeping_task_bytes", "a sleeping task (of 10⁶)", unit="B", most=256),
    Row("14", "echo_server", "idle_connection_bytes", "an idle accepted connection (of 10⁴)", unit="B", most=512,
        load=("--idle=10000",), server=("--hold",)),
    Row("14", "echo_server", "idle_connection_in_chunks_bytes", "an idle accepted connection (of 10⁴) that waits for a chunk", unit="B",
        most=400, figure="idle_connection_bytes", load=("--idle=10000",), server=("--hold", "--chunks")),
    Row("14", "memory", "start_to_exit", "start to exit of an empty program, exec included",
        above=500_000),
    Row("15", "tick", "empty_tick", "empty tick with an idle, a prepare and a check hook", ratio=1.3, costs=True),
    Row("16", "echo_server", "guard", "100 connections beside a flood and a yielding loop: p99.9", ratio=1.5,
        figure="p999", limits=FAIR, load=("--connections=100", "--flood"), server=("--busy",)),
    Row("17", "datagrams", "datagram_1", "UDP of 1,200 B over the loopback, sent and received: one by one", ratio=1.15,
        costs=True),
    Row("17", "datagrams", "datagram_64", "UDP of 1,200 B, 64 at once, each", ratio=1.10, costs=True),
    Row("17", "datagrams", "datagram_segments", "UDP of 1,200 B, 54 cut and joined by the kernel, each", ratio=1.15, costs=True),
    Row("18", "children", "child", "start of /bin/true, and its end", ratio=1.10, costs=True),
    Row("18", "children", "child_of_1g", "the same, of a process that holds 1 GiB", ratio=1.10, costs=True),
    Row("19", "send_file", "send_file_1m", "send_file of 1 MiB, cached, over TCP: the sender's CPU", ratio=1.05,
        figure="send_file_1m.cpu", costs=True),
    Row("20", "copy_both_ways", "copy_64k", "copy_both_ways, 64 KiB each way: the proxy's CPU", ratio=1.10,
        figure="copy_64k.cpu", costs=True),
    Row("21", "connect", "connect_address", "TCP connect, accept, and the end of both", ratio=1.25, costs=True),
    Row("21", "connect", "connect_numeric", "connect(host, port) of an address, beside the connect above", ratio=1.05,
        beside="connect_address", costs=True),
    Row("22", "signals", "signal", "a signal to who waits for next()", ratio=1.3, costs=True),
    Row("22", "signals", "signal_raised", "a signal, and then next()", ratio=1.3, costs=True),
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

    def __init__(self, label, program, backend=None, variant=None):
        self.label, self.program, self.backend, self.variant = label, program, backend, variant
        self.is_limit = label.startswith("limit")
        self.is_peer = not self.is_limit and not backend

    def command(self, *arguments):
        return [self.program, *([f"--variant={self.variant}"] if self.variant else []), *arguments]

    def environment(self):
        environment = dict(os.environ, UV_THREADPOOL_SIZE="4")
        environment.pop("EDDY_BACKEND", None)
        if self.backend:
            environment["EDDY_BACKEND"] = self.backend
        return environment

    def runs(self, row):
        """Is it compared in this row, and can it be run?"""
        if row.beside and self.is_limit:
            return False
        return not self.is_limit or not self.variant or not row.limits or \
            any(self.variant in variants for variants in row.limits.values())


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


def build_tokio(build):
    """Where the programs of Tokio are, or None. From Debian's packages only: librust-tokio-dev, and any cargo."""
    registry = "/usr/share/cargo/registry"
    if not shutil.which("cargo") or not glob.glob(f"{registry}/tokio-1*"):
        return None
    copy = os.path.join(os.path.abspath(build), "bench", "tokio")  # cargo writes beside its sources
    shutil.copytree(os.path.join(HERE, "peers", "tokio"), copy, dirs_exist_ok=True)
    done = subprocess.run(["cargo", "build", "--release", "--offline", "--quiet", "--target-dir", f"{copy}/target",
                           "--config", 'source.crates-io.replace-with="debian"',
                           "--config", f'source.debian.directory="{registry}"'],
                          cwd=copy, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"Tokio's programs are not built: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return f"{copy}/target/release"


def contenders_of(build, suite, tokio):
    """(found, the programs that are missing)"""
    found, missing = [], []
    limit = find_program(build, f"limit_{suite}", f"limit/{suite}", f"bench_limit_{suite}")
    ours = find_program(build, f"rows_{suite}", f"rows/{suite}", f"bench_rows_{suite}")
    if limit:
        variants = subprocess.run([limit, "--variants"], capture_output=True, text=True, timeout=60,
                                  check=False).stdout.split()
        found += [Contender(f"limit {name}", limit, variant=name) for name in variants] or \
            [Contender("limit", limit)]
    else:
        missing.append(f"bench/limit/{suite}")
    if ours:
        found += [Contender(backend, ours, backend) for backend in BACKENDS]
    else:
        missing.append(f"bench/rows/{suite}")
    if not found:
        return found, missing
    names = {"uv": "libuv", "asio": "Asio", "go": "Go", "tokio": "Tokio"}
    sources = glob.glob(os.path.join(HERE, "peers", f"*_{suite}.*")) + \
        glob.glob(os.path.join(HERE, "peers", "tokio", "src", "bin", f"*_{suite}.rs"))
    for source in sorted(sources):
        stem, kind = os.path.splitext(os.path.basename(source))
        peer = stem[:-len(suite) - 1]
        if kind == ".go":
            program = go_program(build, suite, source)
        elif kind == ".rs":
            program = tokio and find_program(tokio, stem)
        else:
            program = find_program(build, stem, f"peers_{stem}", f"peers/{stem}",
                                   f"bench_peers_{stem}")
        if program:
            found.append(Contender(names.get(peer, peer), program))
        else:
            missing.append(f"bench/peers/{stem}")
    return found, missing


class Failures(list):
    """What went wrong, each once; and the backends that our programs have said to be live."""

    live = set()
    peers = []

    def of(self, contender, text):
        """A peer's failure is told, but fails nothing."""
        if contender.is_peer:
            print(f"  (a peer failed: {text})", file=sys.stderr)
            if text not in self.peers:
                self.peers.append(text)
        else:
            self.add(text)

    def add(self, text):
        if text not in self:
            self.append(text)
            print(f"  FAILED: {text}", file=sys.stderr)


def pairs_of(lines):
    return dict(line.rstrip("\n").split("\t", 1) for line in lines if "\t" in line)


class Runner:
    """Executes one contender once, and gives what it printed; None where it failed."""

    def __init__(self, build, scale, realtime, failures):
        self.scale, self.failures = scale, failures
        self.load = find_program(build, "load_load", "load/load")
        cores = sorted(os.sched_getaffinity(0))
        self.last, self.first, self.all = str(cores[-1]), str(cores[0]), ",".join(map(str, cores))
        self.prefix = ["chrt", "--fifo", "10"] if realtime else []

    def pinned(self, cores, command):
        return [*self.prefix, "taskset", "-c", cores, *command]

    def checked(self, contender, what, lines):
        if not contender.backend:
            return lines
        if lines.get("backend") != contender.backend:
            self.failures.add(f"{what}: told {contender.backend}, live is {lines.get('backend')}")
            return None
        self.failures.live.add(contender.backend)
        return lines

    def execute(self, contender, row, scale=None, wrap=()):
        what = f"{os.path.basename(contender.program)} ({contender.label}), row {row.name}"
        try:
            if row.load is not None:
                return self.serve(contender, row, what, wrap)
            command = contender.command(f"--scale={self.scale if scale is None else scale}", row.name)
            cores = self.last if row.cores == 1 else self.all
            done = subprocess.run(self.pinned(cores, [*wrap, *command]), env=contender.environment(),
                                  capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            self.failures.of(contender, f"{what}: no end within 120 s")
            return None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            self.failures.of(contender, f"{what}: exit status {done.returncode}: {last}")
            return None
        lines = self.checked(contender, what, pairs_of(done.stdout.splitlines()))
        if lines is not None and row.name not in lines:
            if not contender.is_peer:
                self.failures.add(f"{what}: printed no such row")
            return None
        return lines

    def serve(self, contender, row, what, wrap):
        """The server on the first core, the load on the last. `wrap` is put before the load; {pid} in it is the server's."""
        server = subprocess.Popen(self.pinned(self.first, contender.command(*row.server)),
                                  env=contender.environment(), stdout=subprocess.PIPE, text=True)
        try:
            said = {}
            for line in server.stdout:
                said.update(pairs_of([line]))
                if "listening" in said:
                    break
            if self.checked(contender, what, said) is None:
                return None
            load = [self.load, said.get("listening", "0"), f"--seconds={self.scale}", f"--pid={server.pid}", *row.load]
            before = [word.replace("{pid}", str(server.pid)) for word in wrap]
            done = subprocess.run(self.pinned(self.last, [*before, *load]), capture_output=True, text=True,
                                  timeout=120, check=False)
        finally:
            server.kill()
            server.wait()
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            self.failures.of(contender, f"{what}: {last}")
            return None
        return pairs_of(done.stdout.splitlines())

    def calls(self, contender, row):
        """System calls for each operation, from short runs of their own; None where nobody counts them."""
        if not can_count():
            return None
        with tempfile.NamedTemporaryFile("r") as file:
            count = ["perf", "stat", "-x", ",", "-o", file.name, "-e", "raw_syscalls:sys_enter"]

            def counted():
                file.seek(0)
                return sum(float(line.split(",")[0]) for line in file if "raw_syscalls" in line)

            if row.load is not None:
                lines = self.execute(contender, row, wrap=[*count, "-p", "{pid}", "--"])
                return counted() / float(lines["operations"]) if lines else None
            # What starting costs falls out of the difference of two runs.
            figures = []
            for scale in (0.02, 0.1):
                lines = self.execute(contender, row, scale, [*count, "--"])
                if not lines or f"{row.name}.operations" not in lines:
                    return None
                figures.append((counted(), float(lines[f"{row.name}.operations"])))
            (calls, operations), (more_calls, more_operations) = figures
            return (more_calls - calls) / (more_operations - operations)


@functools.lru_cache(maxsize=None)
def can_count():
    try:
        return subprocess.run(["perf", "stat", "-e", "raw_syscalls:sys_enter", "true"], capture_output=True,
                              check=False).returncode == 0
    except OSError:
        return False


def measure(rows, suites, rounds, runner, quick):
    """{run: {label: [what was printed in each round, or None]}}, and how many rounds there were.

    Everything is run once in each round, so that a disturbance of some seconds reaches one round of a few rows, which
    the medians leave out, and not all rounds of one. A quick run takes the peers once, and no round more than it has time
    for, however slow the machine is.
    """
    runs = {}
    for row in rows:
        runs.setdefault(row.run(), []).append(row)
    printed = {run: {c.label: [] for c in suites[run[0]] if any(c.runs(row) for row in of)}
               for run, of in runs.items()}
    skip = set()
    begun, last = time.monotonic(), 0
    for number in range(rounds):
        started = time.monotonic()
        if quick and number and started - begun + last > QUICK_SECONDS:
            rounds = number
            break
        for at, (run, of) in enumerate(runs.items()):
            contenders = [c for c in suites[run[0]] if c.label in printed[run]]
            for contender in contenders if number % 2 == 0 else reversed(contenders):
                if quick and contender.is_peer and number:
                    continue
                lines = None
                if (run, contender.label) not in skip:
                    lines = runner.execute(contender, of[0])
                    if lines is None:
                        skip.add((run, contender.label))  # nor will it have the row later
                printed[run][contender.label].append(lines)
            own = [f"{label} {show(float(values[-1][of[0].figure]), of[0].unit)}"
                   for label, values in printed[run].items()
                   if values and values[-1] and of[0].figure in values[-1]]
            print(f"[{number + 1}/{rounds}, {at + 1}/{len(runs)}] {of[0].title}: {', '.join(own) or 'nothing'}",
                  flush=True)
        last = time.monotonic() - started
        print(f"[{number + 1}/{rounds}] done in {last:.0f} s", flush=True)
        if quick and not number:
            last *= 2 / 3  # without the peers
    return printed, rounds


def figures_for(row, rows, printed):
    """The figures of a row, with those of the row that is its limit."""
    figures = figures_of(printed[row.run()], row.figure)
    if row.beside:
        for other in rows:
            if other.name == row.beside:
                own = figures_of(printed[other.run()], other.figure)
                figures |= {f"limit {label}": own[label] for label in BACKENDS if label in own}
    return figures


def figures_of(printed, figure):
    """{label: [the figure of each round, or None]} of those that have it."""
    found = {label: [float(lines[figure]) if lines and figure in lines else None for lines in values]
             for label, values in printed.items()}
    return {label: values for label, values in found.items() if any(values)}


def median(figures):
    return statistics.median(value for value in figures if value)


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


def best_limit(row, figures, backend):
    """The label of the fastest limit that this backend is compared with."""
    allowed = [label for label in figures if label.startswith("limit") and
               (label == "limit" or not row.limits or label[6:] in row.limits[backend])]
    return min(allowed, key=lambda label: median(figures[label]), default=None)


def summary(row, figures):
    """The line of the table, as cells."""
    cells = [row.number, row.title]
    ours, limits, ratios, shown = [], [], [], []
    for backend in BACKENDS:
        own = figures.get(backend)
        if not own:
            cells += ["–", "–"]
            continue
        best = best_limit(row, figures, backend)
        limit = figures.get(best)
        ratio = ratio_of(own, limit) if limit else None
        cells.append(cell(own, row.unit))
        cells.append(f"{ratio[0]:.2f} ({ratio[1][0]:.2f}…{ratio[1][1]:.2f})" if ratio else "–")
        ours.append(median(own))
        limits.append(median(limit) if limit else None)
        ratios.append(ratio[0] if ratio else None)
        if limit:
            text = cell(limit, row.unit) + (f", {best[6:]}" if best[6:] else "")
            if text not in shown:
                shown.append(text)
    verdicts = row.reached(ours, limits, ratios) if ours else []
    cells.append("; ".join(shown) or "–")
    verdict = "–" if not verdicts or None in verdicts else \
        "yes" if all(verdicts) else "**no**" if not any(verdicts) else "**one backend**"
    cells += [row.reach(), verdict]
    peers = []
    for label, values in figures.items():
        if label.startswith("limit") or label in BACKENDS:
            continue
        middle = median(values)
        factor = f", {middle / min(ours):.1f} ×" if ours else ""
        peers.append(f"{label} {show(middle, row.unit)}{factor}")
    cells.append("; ".join(peers) or "–")
    return cells


def cost_table(rows, suites, printed, runner, with_peers):
    """Beside the times: CPU (of all threads) and system calls for each operation."""
    lines = ["", "## CPU and system calls for each operation", "",
             "CPU: of all threads of the process that is measured, from the same runs. System calls: counted by the kernel "
             "(perf), in runs of their own.", "",
             "| # | what | contender | CPU | system calls |", "|---|---|---|---|---|"]
    for row in rows:
        if not row.costs:
            continue
        figure = "server_cpu" if row.load is not None else f"{row.name}.cpu"
        figures = figures_of(printed[row.run()], figure)
        times = figures_of(printed[row.run()], row.figure)
        kept = {best_limit(row, times, backend) for backend in BACKENDS}
        for contender in suites[row.suite]:
            if contender.label not in figures or (contender.is_limit and contender.label not in kept) or \
                    (contender.is_peer and not with_peers):
                continue
            calls = runner.calls(contender, row)
            lines.append(f"| {row.number} | {row.title} | {contender.label} | {cell(figures[contender.label], 'ns')} | "
                         f"{'–' if calls is None else f'{calls:.2f}'} |")
        print(f"[costs] {row.title}", flush=True)
    return lines


def load_table(rows, printed):
    """Each server under each load: was the load the bottleneck?"""
    lines = ["", "## The servers under load", "",
             "Of one core each: what the server used and what the load used. Where the load used all of its core and the "
             "server did not, requests per second and latency say more about the load; the server's CPU then is the measure.", "",
             "| # | load | server | requests/s | p50 | p99 | p99.9 | CPU/request | server used | load used |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    seen = set()
    for row in rows:
        if row.load is None or row.run() in seen or "--idle=10000" in row.load:
            continue
        seen.add(row.run())
        title = row.title.split(":")[0]
        for label, values in printed[row.run()].items():
            if not any(values):
                continue
            of = {name: statistics.median(float(v[name]) for v in values if v)
                  for name in ("requests_per_second", "p50", "p99", "p999", "server_cpu", "server_share", "load_share")}
            lines.append(f"| {row.number} | {title} | {label} | {of['requests_per_second']:,.0f} | "
                         + " | ".join(show(of[name], "ns") for name in ("p50", "p99", "p999", "server_cpu"))
                         + f" | {of['server_share']:.0%} | {of['load_share']:.0%} |")
    return lines if seen else []


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
    parser.add_argument("--rows", help="only these rows or suites, separated by commas")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--output", default=os.path.join(HERE, "report.md"))
    parser.add_argument("--realtime", action="store_true", help="before all other work of the machine")
    options = parser.parse_args()
    if options.realtime and subprocess.run(["chrt", "--fifo", "10", "true"], check=False).returncode:
        parser.error("--realtime is not permitted here")
    rounds = options.rounds or (3 if options.quick else 11)
    scale = 0.2 if options.quick else 0.5
    rows = ROWS
    if options.rows:
        wanted = options.rows.split(",")
        unknown = set(wanted) - {row.key for row in ROWS} - {row.suite for row in ROWS}
        if unknown:
            parser.error(f"no such row: {', '.join(sorted(unknown))}; there are: "
                         + ", ".join(row.key for row in ROWS))
        rows = [row for row in ROWS if row.key in wanted or row.suite in wanted]
    failures, missing = Failures(), []
    tokio = build_tokio(options.build)
    suites = {}
    for row in rows:
        if row.suite not in suites:
            suites[row.suite], gone = contenders_of(options.build, row.suite, tokio)
            missing += gone
    if not any(suites.values()):
        parser.error(f"no benchmark program in {options.build}: configure with -Dbenchmarks=enabled")
    before, started = load(), time.monotonic()
    runner = Runner(options.build, scale, options.realtime, failures)
    printed, rounds = measure(rows, suites, rounds, runner, options.quick)
    table = [summary(row, figures_for(row, rows, printed)) for row in rows]
    tables = load_table(rows, printed) + cost_table(rows, suites, printed, runner, not options.quick)
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
        f"- {rounds} rounds{' (a quick run; the peers in one)' if options.quick else ''}, alternating in direction{', before all other work of the machine' if options.realtime else ''}; programs on "
        f"core {runner.last}, servers on core {runner.first} and their load on core {runner.last}; load of the machine {before} before, {load()} after",
    ]
    if missing:
        lines.append(f"- not built here: {', '.join(missing)}")
    lines += [f"- failed, of the peers: {failure}" for failure in failures.peers]
    lines += [f"- FAILED: {failure}" for failure in failures]
    lines += ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cells) + " |" for cells in table]
    lines += tables
    print("\n".join(lines[lines.index(""):]))
    with open(options.output, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{options.output} written after {time.monotonic() - started:.0f} s")
    if failures:
        sys.exit(f"{len(failures)} failed")


if __name__ == "__main__":
    main()
