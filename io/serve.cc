// Which errors of accept() end a server, and who hears of those that do not.
#include <eddy/io/serve.h>

#include <eddy/runtime/detail/loop.h>

namespace eddy::detail {

bool is_exhaustion(std::error_code error) noexcept {
  return error == std::errc::too_many_files_open ||
         error == std::errc::too_many_files_open_in_system || error == std::errc::no_buffer_space ||
         error == std::errc::not_enough_memory;
}

bool is_closed(std::error_code error) noexcept {
  return error == std::errc::operation_canceled || error == std::errc::bad_file_descriptor;
}

void tell_of_lost_connection(const std::exception_ptr& error) noexcept {
  current_loop->note_error(nullptr, {});
  current_loop->report_error(error);
}

}  // namespace eddy::detail
