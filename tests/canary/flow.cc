// Control flow around awaits: each form leaves a trace of where it has been, compared with what the
// language says. Here a compiler that fails does not crash, it takes the wrong branch. A plain
// program: run.sh builds it in each mode.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include <eddy/coro/run.h>
#include <eddy/coro/task.h>
#include <eddy/coro/yield.h>
#include <eddy/runtime/runtime.h>

using namespace eddy;

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#define EDDY_CANARY_GCC12 1
#else
#define EDDY_CANARY_GCC12 0
#endif

namespace {

std::string trace;

task<int> number(int value) {
  co_await next_tick();
  trace += std::to_string(value);
  co_return value;
}
task<bool> answer(bool value) {
  co_await next_tick();
  trace += value ? 'T' : 'F';
  co_return value;
}
int both(int a, int b) {
  return a * 10 + b;
}

struct form {
  const char* name;
  const char* expected;
  task<> (*body)();
};
constexpr int most = 64;
form forms[most];
int count = 0;
struct registered {
  registered(const char* name, const char* expected, task<> (*body)()) {
    if (count == most) std::abort();
    forms[count++] = form{name, expected, body};
  }
};
constexpr const char* aborts = "(aborts)";

}  // namespace

/// FLOW(name, trace) { body }
#define FLOW(NAME, EXPECTED)                                        \
  static task<> NAME();                                             \
  static const registered NAME##_registered(#NAME, EXPECTED, NAME); \
  static task<> NAME()
/// Known to go wrong on g++ 12, in this way: a compiler that no longer does is reported.
#define FLOW_WRONG_ON_GCC12(NAME, EXPECTED, THERE) FLOW(NAME, EDDY_CANARY_GCC12 ? THERE : EXPECTED)
/// A co_await in a condition, and no local variable in the function: g++ 12 compiles an empty body;
/// the library sees it and aborts.
#define FLOW_EMPTY_ON_GCC12(NAME, EXPECTED) FLOW_WRONG_ON_GCC12(NAME, EXPECTED, aborts)

// ---- Loops ----

FLOW(for_with_an_await_as_step, "b1b11b1.") {
  for (int i = 0; i < 4; i += co_await number(1)) {
    if (i == 2) continue;
    trace += 'b';
  }
  trace += '.';
}
FLOW(for_with_an_await_as_condition, "TbTbTTbF.") {
  for (int i = 0; co_await answer(i < 4); ++i) {
    if (i == 2) continue;
    trace += 'b';
  }
  trace += '.';
}
FLOW(for_with_an_await_as_limit, "2ii.") {
  for (int i = 0, n = co_await number(2); i < n; ++i) trace += 'i';
  trace += '.';
}
FLOW(for_without_a_condition, "FxTFx.") {
  int i = 0;
  for (;;) {
    if (++i > 3) break;
    if (co_await answer(i == 2)) continue;
    trace += 'x';
  }
  trace += '.';
}
FLOW(for_nested_left_by_break, "FxTFxTFxT.") {
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      if (co_await answer(j == 1)) break;
      trace += 'x';
    }
  }
  trace += '.';
}
FLOW(for_over_a_list, "13.") {
  for (const int v : {1, 2, 3}) {
    if (v == 2) continue;
    co_await number(v);
  }
  trace += '.';
}
FLOW(while_with_an_await, "TbTTbTbF.") {
  int i = 0;
  while (co_await answer(i < 4)) {
    ++i;
    if (i == 2) continue;
    trace += 'b';
  }
  trace += '.';
}
FLOW(while_with_a_declaration, "1w0.") {
  int i = 0;
  while (const int v = co_await number(i < 1)) {
    i += v;
    trace += 'w';
  }
  trace += '.';
}
FLOW(while_left_by_break, "T.") {
  int i = 0;
  while (i == 0) {
    if (co_await answer(true)) break;
    trace += 'x';
  }
  trace += '.';
}
// (continue goes to the body there, past the condition)
FLOW_WRONG_ON_GCC12(do_with_continue, "bTTbTbF.", "bTbTbF.") {
  int i = 0;
  do {
    ++i;
    if (i == 2) continue;
    trace += 'b';
    if (i > 9) break;
  } while (co_await answer(i < 4));
  trace += '.';
}
FLOW(do_with_an_await, "bTbTbF.") {
  int i = 0;
  do {
    ++i;
    trace += 'b';
    if (i > 9) break;
  } while (co_await answer(i < 3));
  trace += '.';
}
FLOW(do_with_one_statement, "bTbTbF.") {
  int i = 0;
  do trace += 'b';
  while (co_await answer(++i < 3));
  trace += '.';
}
FLOW(jump_back, "TTF2.") {
  int i = 0;
again:
  if (co_await answer(i < 2)) {
    ++i;
    goto again;
  }
  trace += std::to_string(i) + '.';
}

// ---- switch, if ----

FLOW(switch_that_falls_through, "2bc.") {
  int z = 0;
  switch (co_await number(2)) {
    case 1:
      trace += 'a';
      [[fallthrough]];
    case 2:
      trace += 'b';
      [[fallthrough]];
    case 3:
      trace += 'c';
      break;
    default:
      trace += 'd';
  }
  if (z == 0) trace += '.';
}
FLOW(switch_in_a_loop, "x01x2.") {
  for (int i = 0; i < 3; ++i) {
    switch (i) {
      case 1:
        break;
      default:
        trace += 'x';
        break;
    }
    co_await number(i);
  }
  trace += '.';
}
FLOW(switch_with_a_declaration, "1T.") {
  switch (const int v = co_await number(1); v) {
    case 1: {
      if (co_await answer(true)) break;
      trace += 'x';
      break;
    }
    case 2:
      trace += '2';
  }
  trace += '.';
}
FLOW(if_with_and, "TFn.") {
  int z = 0;
  if (co_await answer(true) && co_await answer(false)) {
    trace += 'y';
  } else {
    trace += 'n';
  }
  if (z == 0) trace += '.';
}
FLOW(if_with_or, "FTy.") {
  int z = 0;
  if (co_await answer(false) || co_await answer(true)) {
    trace += 'y';
  } else {
    trace += 'n';
  }
  if (z == 0) trace += '.';
}
FLOW(if_that_skips, "Ty.") {
  int z = 0;
  if (co_await answer(true) || co_await answer(false)) trace += 'y';
  if (z == 0) trace += '.';
}
FLOW(if_with_a_declaration, "33.") {
  if (const int v = co_await number(3)) trace += std::to_string(v);
  trace += '.';
}
FLOW(if_nested_with_else, "Fe.") {
  int z = 0;
  if (z == 0) {
    if (co_await answer(false)) {
      trace += 'a';
    } else {
      trace += 'e';
    }
  }
  trace += '.';
}
FLOW(if_constexpr, "Fk.") {
  int z = 0;
  if constexpr (sizeof(int) > 1) {
    if (!co_await answer(false)) trace += 'k';
  }
  if (z == 0) trace += '.';
}

// ---- Expressions ----

FLOW(logic_in_an_expression, "TF12y.") {
  const bool b = co_await answer(true) && !(co_await answer(false)) &&
                 (co_await number(1) + co_await number(2) == 3);
  trace += b ? 'y' : 'n';
  trace += '.';
}
FLOW(choice_of_awaits, "T11.") {
  const int k = co_await answer(true) ? co_await number(1) : co_await number(2);
  trace += std::to_string(k) + '.';
}
FLOW(choice_by_an_await, "T1.") {
  int z = 0;
  z = co_await answer(true) ? 1 : 2;
  trace += std::to_string(z) + '.';
}
FLOW(choice_of_texts, "Tyes.") {
  int z = 0;
  trace += co_await answer(true) ? "yes" : "no";
  if (z == 0) trace += '.';
}
FLOW(comma_of_awaits, "122.") {
  const int k = (co_await number(1), co_await number(2));
  trace += std::to_string(k) + '.';
}
FLOW(array_of_awaits, "123321.") {
  int a[3] = {co_await number(1), co_await number(2), co_await number(3)};
  trace += std::to_string(a[0] + a[1] * 10 + a[2] * 100) + '.';
}
FLOW(pair_of_awaits, "1212.") {
  const auto [a, b] = std::pair{co_await number(1), co_await number(2)};
  trace += std::to_string(both(a, b)) + '.';
}
FLOW(sum_with_a_variable, "24.") {
  int i = 1;
  const int sum = co_await number(2) + i;
  i += sum;
  trace += std::to_string(i) + '.';
}
FLOW(equality_of_awaits, "TTy.") {
  const bool equal = (co_await answer(true)) == (co_await answer(true));
  trace += equal ? 'y' : 'n';
  trace += '.';
}
FLOW(static_and_an_await, "16.") {
  static int s = 5;
  const int sum = co_await number(1) + s;
  trace += std::to_string(sum) + '.';
}
FLOW(reference_to_an_await, "11.") {
  const int k = co_await number(1);
  const int& r = k;
  trace += std::to_string(r) + '.';
}
FLOW(call_of_awaits, "1212.") {
  const int a = both(co_await number(1), 2);
  co_await number(2);
  trace += std::to_string(a) + '.';
}
FLOW(lambda_that_awaits, "56.") {
  auto next = []() -> task<int> { co_return co_await number(5) + 1; };
  trace += std::to_string(co_await next()) + '.';
}

// ---- Exceptions, returns ----

FLOW(throw_after_a_condition, "Tc.") {
  try {
    if (co_await answer(true)) throw 1;
    trace += 'x';
  } catch (int) {
    trace += 'c';
  }
  trace += '.';
}

namespace {

task<int> returns_in_an_if() {
  int z = 0;
  if (co_await answer(true)) co_return 1;
  co_return z;
}
task<int> returns_in_a_while() {
  int z = 0;
  while (co_await answer(z < 3)) {
    if (++z == 2) co_return 7;
  }
  co_return z;
}
task<int> returns_a_choice() {
  int z = 3;
  co_return co_await answer(true) ? co_await number(4) : z;
}
task<int> returns_in_a_switch() {
  int z = 0;
  switch (co_await number(2)) {
    case 2:
      co_return 8;
    default:
      co_return z;
  }
}
task<int> returns_in_a_try() {
  int z = 0;
  try {
    co_return co_await number(3);
  } catch (...) {
    co_return z;
  }
}

}  // namespace

FLOW(returned_from_an_if, "T1.") {
  trace += std::to_string(co_await returns_in_an_if()) + '.';
}
FLOW(returned_from_a_while, "TT7.") {
  trace += std::to_string(co_await returns_in_a_while()) + '.';
}
FLOW(returned_choice, "T44.") {
  trace += std::to_string(co_await returns_a_choice()) + '.';
}
FLOW(returned_from_a_switch, "28.") {
  trace += std::to_string(co_await returns_in_a_switch()) + '.';
}
FLOW(returned_from_a_try, "33.") {
  trace += std::to_string(co_await returns_in_a_try()) + '.';
}

// ---- No local variable ----

FLOW_EMPTY_ON_GCC12(if_without_a_local, "Ty.") {
  if (co_await answer(true)) trace += 'y';
  trace += '.';
}
FLOW_EMPTY_ON_GCC12(while_without_a_local, "F.") {
  while (co_await answer(false)) trace += 'x';
  trace += '.';
}
FLOW_EMPTY_ON_GCC12(for_without_a_local, "F.") {
  for (; co_await answer(false);) trace += 'x';
  trace += '.';
}
FLOW_EMPTY_ON_GCC12(switch_without_a_local, "1a.") {
  switch (co_await number(1)) {
    case 1:
      trace += 'a';
  }
  trace += '.';
}
FLOW(await_without_a_local, "1.") {
  co_await number(1);
  trace += '.';
}

// ---- Running them ----

/// In a process of its own. The trace, or how it ended.
static std::string traced(const form& f) {
  int channel[2];
  if (pipe(channel) != 0) std::abort();
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (std::strcmp(f.expected, aborts) == 0 && std::freopen("/dev/null", "w", stderr) == nullptr)
      std::abort();
    alarm(60);
    {
      runtime machine(runtime_options{.backend = backend_kind::epoll});
      run(machine, f.body);
    }
    if (write(channel[1], trace.data(), trace.size()) < 0) std::abort();
    std::exit(0);
  }
  close(channel[1]);
  char text[256];
  const auto size = read(channel[0], text, sizeof text);
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  // (SIGILL: under UndefinedBehaviorSanitizer g++ puts a trap where the body should be)
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGILL))
    return aborts;
  if (status != 0 || size < 0) return "crashed";
  return std::string(text, static_cast<std::size_t>(size));
}

int main() {
  int wrong = 0;
  for (int i = 0; i < count; ++i) {
    const std::string seen = traced(forms[i]);
    if (seen == forms[i].expected) continue;
    ++wrong;
    std::printf("FAIL %s: %s, expected %s\n", forms[i].name, seen.c_str(), forms[i].expected);
  }
  std::printf("%d forms, %d not as expected\n", count, wrong);
  return wrong != 0;
}
