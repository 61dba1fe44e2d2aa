// The system's resolver, asked on a thread of the pool. Private.
#pragma once

#include "runtime/name_query.h"

namespace eddy::detail {

/// verb::look_up. 0, also where the resolver has found nothing (see name_query::failed); or -errno.
int ask_resolver(name_query&) noexcept;

}  // namespace eddy::detail
