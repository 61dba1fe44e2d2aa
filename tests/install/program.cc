// The smallest program of a user, built in every way that README.md names: program [BACKEND]
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

static eddy::task<int> answer() {
  co_await eddy::sleep_for(std::chrono::milliseconds(1));
  co_return 42;
}

int main(int count, char** arguments) {
  try {
    eddy::runtime loop;
    const int got = eddy::run(loop, answer());
    std::printf("%d on %s\n", got, std::string(loop.backend_reason()).c_str());
    const bool is_wanted = count < 2 || loop.backend_reason().starts_with(arguments[1]);
    return got == 42 && is_wanted ? 0 : 1;
  } catch (const std::exception& e) {
    std::printf("%s\n", e.what());
    return 1;
  }
}
