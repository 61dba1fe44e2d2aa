// Guide, 16: an interval keeps a rhythm; missed_ticks says what it does when its user was late.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

/// How many ticks come at once, after a round that took more than three periods.
static eddy::task<int> ticks_at_once(eddy::missed_ticks missed) {
  eddy::interval every(10ms, missed);
  const eddy::time_point begin = co_await every.tick();
  co_await eddy::sleep_until(begin + 35ms);  // those at 20, 30 and 40 ms are missed
  int at_once = 0;
  for (;;) {
    const eddy::time_point due = co_await every.tick();
    if (due > begin + 35ms) co_return at_once;  // in the future again
    ++at_once;
  }
}

static eddy::task<> compare() {
  // The three that were missed, one after the other: a counter comes out right.
  const int burst = co_await ticks_at_once(eddy::missed_ticks::burst);
  // One, and then a full period from now: work gets its pause.
  const int delay = co_await ticks_at_once(eddy::missed_ticks::delay);
  // One, and then the next of the old rhythm: at 50 ms.
  const int skip = co_await ticks_at_once(eddy::missed_ticks::skip);
  std::printf("burst %d, delay %d, skip %d\n", burst, delay, skip);
}

int main() {
  eddy::run(compare());
}
