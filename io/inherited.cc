// Sockets from a service manager (inherited.h).
#include <eddy/io/inherited.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include <eddy/io/detail/descriptor.h>

namespace eddy {

using namespace detail;

result<std::vector<inherited_listener>> inherited_listeners() {
  constexpr int first = 3;
  std::string names(std::size_t{64} * 1024, '\0');
  request r;
  r.what = verb::take_inherited;
  r.address = address_of(names.data());
  r.length = static_cast<std::uint32_t>(names.size());
  const int count = ask_here(r);
  if (count < 0) return from_errno(-count);
  std::vector<inherited_listener> all;
  std::string_view left(names.c_str());
  for (int i = 0; i < count; ++i) {
    const std::string_view name = left.substr(0, left.find(':'));
    left.remove_prefix(std::min(left.size(), name.size() + 1));
    all.push_back({std::string(name.empty() ? "unknown" : name), first + i});
  }
  return all;
}

}  // namespace eddy
