// Guide, 8: files, whole and in pieces. Errors are values.
#include <eddy/eddy.h>

#include <array>
#include <cstdio>
#include <string>
#include <system_error>

static eddy::task<> use(std::string path) {
  const auto written = co_await eddy::write_file(path, "first line\n");
  if (!written) {
    std::printf("cannot write: %s\n", written.error().message().c_str());
    co_return;
  }

  auto log = (co_await eddy::file::open(path, eddy::open_mode::append)).value();
  const auto added = co_await log.write("second line\n");
  static_cast<void>(co_await log.close());
  std::printf("%zu bytes added\n", added.value());

  auto file = (co_await eddy::file::open(path, eddy::open_mode::read)).value();
  std::array<char, 6> word;
  const auto size = co_await file.read_at(word, 11);
  std::printf("%.*s\n", static_cast<int>(size.value()), word.data());  // second

  const auto text = co_await eddy::read_file(path);
  std::printf("%s", text.value().c_str());

  const auto missing = co_await eddy::read_file(path + ".not");
  if (missing.error() == std::errc::no_such_file_or_directory) std::puts("not there");
  static_cast<void>(co_await eddy::remove_file(path));
}

int main(int count, char** arguments) {
  eddy::run(use(count > 1 ? arguments[1] : "/tmp/eddy_guide_files.txt"));
}
