// What a failing run prints. Private.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "simulation/run_state.h"

namespace eddy::detail {

/// What a report says that the run itself does not know.
struct report_facts {
  std::string_view name;
  std::size_t faults = 0;         // of the run as it was found
  std::uint64_t choices = 0;      // which it drew
  std::uint64_t shrink_runs = 0;  // 0: not shrunk
  std::int64_t shrink_time = 0;   // nanoseconds
  std::string again;              // the commands: "EDDY_SEED=417 ./log_test"
  std::string shorter;            // "": no recording
  std::int64_t failed_at = 0;     // of the run as it was found
  std::string remark;             // one more line
};

/// Of the run that was explained: the shrunk one, where it was shrunk.
std::string full_report(const run_state&, const report_facts&);

/// Of a run that nobody runs again: a simulation that was made by hand.
std::string plain_report(const run_state&);

/// "1,932".
std::string number_text(std::uint64_t);
/// "1 run", "1,932 runs".
std::string count_text(std::uint64_t, const char* one, const char* more);
/// "  always: kept        log_test.cc:47".
std::string reason_lines(const run_failure&);

/// The last `most` lines of a trace, in columns.
std::string trace_text(const std::vector<told_event>&, std::size_t most);

}  // namespace eddy::detail
