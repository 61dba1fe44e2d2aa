// Messages: their size, and the descriptors that go with them. Private.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <sys/socket.h>

#include <eddy/runtime/operation.h>

namespace eddy::detail::simulated {

class machine;
class object;

using passed_objects = std::vector<std::shared_ptr<object>>;

std::size_t size_of(const msghdr&) noexcept;

/// The objects of the descriptors in the control data, each held once more. 0 or -errno.
int take_passed(machine&, const msghdr&, passed_objects&);
/// They get descriptors here, as far as there is room for those in the message; the others are let
/// go.
void give_passed(machine&, const passed_objects&, msghdr&, const request&);
void let_go(const passed_objects&);

}  // namespace eddy::detail::simulated
