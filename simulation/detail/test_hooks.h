// What a framework for tests tells simulate(), and is told. Private, but installed: gtest.h is made of it.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <string>
#include <string_view>

namespace eddy::detail {

struct test_hooks {
  /// The test that runs, "": none.
  std::string (*name)();
  /// How to run it alone, as arguments of the program.
  std::string (*arguments)();
  /// Around each run: what is expected in vain is the run's, not the test's.
  void* (*begin_run)();
  void (*end_run)(void*) noexcept;
};

/// The framework's; null: none.
inline constinit const test_hooks* installed_test_hooks = nullptr;

/// The run that goes on has failed.
void expectation_failed(std::string_view file, int line, std::string_view message);

}  // namespace eddy::detail
