// The families' names and rates.
#include "simulation/labels.h"

#include <algorithm>

namespace eddy {
namespace detail {
namespace {

struct family_facts {
  const char* name;
  unsigned preset;     // from which on it is on
  std::uint32_t rate;  // ppm of its occasions
};

constexpr unsigned never = 4;
constexpr std::array<family_facts, fault_count> families = {{
    {"delay", 1, 100'000},       {"short_transfer", 1, 100'000}, {"report_order", 1, 100'000},
    {"cancel_race", 1, 300'000}, {"listing_order", 1, 200'000},  {"pool_time", 1, 200'000},
    {"loss", 2, 20'000},         {"twice", 2, 10'000},           {"reordering", 2, 20'000},
    {"reset", 2, 1'000},         {"refusal", 2, 20'000},         {"hang", 2, 5'000},
    {"partition", 2, 20'000},    {"freeze", 2, 10'000},          {"slow_disk", 2, 5'000},
    {"clock_jump", 2, 5'000},    {"name_failure", 2, 20'000},    {"resources", 3, 2'000},
    {"no_space", 3, 1'000},      {"disk_error", 3, 1'000},       {"sync_error", 3, 5'000},
    {"kill", 3, 20'000},         {"power_cut", 3, 20'000},       {"corruption", never, 0},
}};

constexpr rate_table table_of(unsigned preset) {
  rate_table table{};
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (families[i].preset <= preset) table[i] = families[i].rate;
  }
  return table;
}
constexpr std::array<rate_table, 4> tables = {table_of(0), table_of(1), table_of(2), table_of(3)};

// Each text once: a recording finds its label by it.
constexpr bool texts_differ() {
  for (std::size_t a = 0; a < label_count; ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      const char* x = all_labels[a].text;
      const char* y = all_labels[b].text;
      while (*x && *x == *y) ++x, ++y;
      if (*x == *y) return false;
    }
  }
  return true;
}
static_assert(texts_differ());

}  // namespace

const rate_table& rates_of(faults preset) noexcept {
  return tables[std::min<std::size_t>(static_cast<std::size_t>(preset), tables.size() - 1)];
}

}  // namespace detail

const char* name_of(fault f) noexcept {
  return detail::families[static_cast<std::size_t>(f)].name;
}

}  // namespace eddy
