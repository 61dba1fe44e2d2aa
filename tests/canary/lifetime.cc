// Ordinary ways to write coroutine code, each run to its end, and stopped at each of its
// suspensions: everything must be made and destroyed once. The forms that g++ 12 makes wrong
// (upstream bug 99576 and relatives) are marked, and they are the documented list: a form that has
// become good or bad is a failure. The forms stand in lifetime_*.cc; here they are run. A plain
// program: run.sh builds it in each mode.
#include "lifetime.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include <sys/wait.h>
#include <unistd.h>

#include <eddy/runtime/runtime.h>

using namespace canary;
using namespace eddy;

namespace {

enum verdict : int {
  good = 0,
  leaked = 1,
  destroyed_twice = 2,
  did_not_end = 4,
  lost_memory = 8,
  crashed = 16
};

task<> watch(task<> (*body)(), int& result) {
  auto handle = spawn(body);
  under_test = &handle;
  auto end = co_await handle.join();
  if (!end.has_value() && (stop_how == how_to_stop::never || !end.stopped())) result |= did_not_end;
}

/// One run of a form; on a runtime of its own, on epoll: it is the compiler that is tested, not the
/// kernel.
int run_once(const form& f, int at, how_to_stop how) {
  tracked::alive().clear();
  tracked::errors = 0;
  places = 0;
  stop_at = at;
  stop_how = how;
  int result = good;
  {
    runtime machine(runtime_options{.backend = backend_kind::epoll});
    run(machine, watch, f.body, std::ref(result));
  }
  if (!tracked::alive().empty()) result |= leaked;
  if (tracked::errors != 0) result |= destroyed_twice;
  return result;
}

struct findings {
  int completed = good;
  int stopped = good;
  int places = 0;
};

/// All runs of a form, in a process of its own: what has been destroyed twice may crash.
findings run_form(const form& f, bool quiet) {
  int channel[2];
  if (pipe(channel) != 0) std::abort();
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (quiet && std::freopen("/dev/null", "w", stderr) == nullptr) std::abort();
    alarm(60);
    findings found;
    found.completed = run_once(f, 0, how_to_stop::never);
    found.places = places;
    for (int at = 1; at <= found.places; ++at) {
      found.stopped |= run_once(f, at, how_to_stop::before_it_suspends);
      found.stopped |= run_once(f, at, how_to_stop::while_suspended);
    }
    if (write(channel[1], &found, sizeof found) != sizeof found) std::abort();
    std::exit(0);  // (so that leaks of memory are looked for)
  }
  close(channel[1]);
  findings found;
  const bool told = read(channel[0], &found, sizeof found) == sizeof found;
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!told) found.completed |= crashed;
  if (told && status != 0) found.stopped |= lost_memory;  // (LeakSanitizer's word comes last)
  return found;
}

std::string in_words(int verdict) {
  std::string words;
  if ((verdict & crashed) != 0) words += " crash";
  if ((verdict & destroyed_twice) != 0) words += " destroyed-twice";
  if ((verdict & leaked) != 0) words += " leak";
  if ((verdict & lost_memory) != 0) words += " memory-lost";
  if ((verdict & did_not_end) != 0) words += " does-not-end";
  return words.empty() ? " good" : words;
}

}  // namespace

/// Without arguments: each form, silent about what is as expected. With names: those alone, with
/// all their output.
int main(int count, char** names) {
  int bad = 0;
  int wrong = 0;
  int ran = 0;
  int places_in_all = 0;
  for (const form& f : forms()) {
    bool asked = count == 1;
    for (int i = 1; i < count; ++i) asked |= std::strcmp(names[i], f.name) == 0;
    if (!asked) continue;
    ++ran;
    const findings found = run_form(f, f.bad_here && count == 1);
    places_in_all += found.places;
    const bool is_bad = found.completed != good || found.stopped != good;
    bad += is_bad ? 1 : 0;
    if (is_bad != f.bad_here) ++wrong;
    if (is_bad != f.bad_here || count != 1) {
      std::printf("%s %s: completed:%s; stopped:%s%s\n",
                  is_bad == f.bad_here ? "as expected" : "FAIL", f.name,
                  in_words(found.completed).c_str(), in_words(found.stopped).c_str(),
                  is_bad ? "" : ", but is on the list of what this compiler makes wrong");
    }
  }
  std::printf("%d forms, stopped at %d places; %d bad on this compiler; %d not as expected\n", ran,
              places_in_all, bad, wrong);
  return wrong != 0 || ran == 0;
}
