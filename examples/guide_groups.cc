// Guide, 3: a group ends when all its children have; the first failure ends it for all.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

static eddy::task<> fetch(int part, int& done) {
  co_await eddy::sleep_for(part * 1ms);
  if (part == 4) throw std::runtime_error("part 4 is not there");
  ++done;
}

static eddy::task<> fetch_all(int parts, int& done) {
  co_await eddy::with_task_group([&](eddy::task_group& group) -> eddy::task<> {
    for (int part = 1; part <= parts; ++part) group.spawn(fetch, part, std::ref(done));
    co_return;
  });
  std::printf("all %d parts\n", done);
}

int main() {
  int done = 0;
  eddy::run(fetch_all(3, done));
  done = 0;
  try {
    eddy::run(fetch_all(100, done));
  } catch (const std::runtime_error& e) {
    std::printf("%s; %d were\n", e.what(), done);  // parts 5 to 100 were cancelled, and waited for
  }
}
