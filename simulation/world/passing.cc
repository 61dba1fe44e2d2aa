// Descriptors in control data.
#include "simulation/world/passing.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "simulation/world/machine.h"
#include "simulation/world/object.h"

namespace eddy::detail::simulated {

std::size_t size_of(const msghdr& m) noexcept {
  std::size_t size = 0;
  for (std::size_t i = 0; i < m.msg_iovlen; ++i) size += m.msg_iov[i].iov_len;
  return size;
}

void let_go(const passed_objects& all) {
  for (const auto& one : all) machine::let_go(*one);
}

int take_passed(machine& home, const msghdr& m, passed_objects& all) {
  if (!m.msg_control || !m.msg_controllen) return 0;
  auto& header = const_cast<msghdr&>(m);  // (the macros take it so)
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(c) + i * sizeof number, sizeof number);
      object* const found = home.find(number);
      if (!found) {
        let_go(all);
        return -EBADF;
      }
      ++found->descriptors;
      all.push_back(found->shared_from_this());
    }
  }
  return 0;
}

void give_passed(machine& home, const passed_objects& all, msghdr& m, const request& r) {
  const bool is_message = r.what == verb::receive_message || r.what == verb::receive_messages;
  if (!is_message) {
    let_go(all);
    return;
  }
  const std::size_t room = m.msg_control ? m.msg_controllen : 0;
  m.msg_controllen = 0;
  if (all.empty()) return;
  std::vector<int> numbers;
  for (const auto& one : all) {
    if (CMSG_LEN((numbers.size() + 1) * sizeof(int)) > room || home.is_full()) {
      m.msg_flags |= MSG_CTRUNC;
      machine::let_go(*one);
      continue;
    }
    numbers.push_back(home.add(one));
    machine::let_go(*one);  // (which the message held)
  }
  if (numbers.empty() || !m.msg_control) return;
  const std::size_t size = numbers.size() * sizeof(int);
  const cmsghdr head{CMSG_LEN(size), SOL_SOCKET, SCM_RIGHTS};
  std::memcpy(m.msg_control, &head, sizeof head);
  std::memcpy(static_cast<char*>(m.msg_control) + CMSG_LEN(0), numbers.data(), size);
  m.msg_controllen = std::min(room, CMSG_SPACE(size));
}

}  // namespace eddy::detail::simulated
