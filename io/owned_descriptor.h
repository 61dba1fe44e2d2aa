// A descriptor that closes itself.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <utility>

#include <eddy/io/detail/descriptor.h>

namespace eddy {

/// Owns a descriptor of any kind, which its destructor closes: what has no noun of its own here, or
/// none yet (adopt() takes release()).
///
/// Threads   any, one at a time
class owned_descriptor {
 public:
  owned_descriptor() noexcept = default;  ///< of none: get() gives -1
  explicit owned_descriptor(int number) noexcept : of_(number, detail::descriptor::kind::stream) {}

  int get() const noexcept { return of_.number(); }
  /// Gives it away: the caller closes it.
  int release() noexcept { return of_.release(); }

 private:
  detail::descriptor of_;
};

}  // namespace eddy
