// Guide, 1: run() goes from main() into a task and back.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

static eddy::task<int> slow_square(int number) {
  co_await eddy::sleep_for(10ms);
  co_return number* number;
}

static eddy::task<int> sum_of_squares(int last) {
  int sum = 0;
  for (int i = 1; i <= last; ++i) sum += co_await slow_square(i);
  co_return sum;
}

int main() {
  const int sum = eddy::run(sum_of_squares(4));
  std::printf("%d\n", sum);  // 30
}
