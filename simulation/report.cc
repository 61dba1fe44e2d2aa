// Reports in columns, as the guide shows them.
#include "simulation/report.h"

#include <algorithm>
#include <string>
#include <vector>

namespace eddy::detail {
namespace {

constexpr std::size_t place_column = 62;
constexpr std::size_t most_events = 40;
constexpr std::size_t most_faults = 200;

void fill(std::string& line, std::size_t column) {
  if (line.size() < column) line.append(column - line.size(), ' ');
}

/// Milliseconds are enough for people.
std::string short_seconds(std::int64_t time) {
  return seconds_text(time / 1'000'000 * 1'000'000);
}

std::string indented(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines += "    " + std::string(text.substr(0, end)) + '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// "   3.204 s  log     ": time and host.
std::string line_head(std::int64_t time, const std::string& host, std::size_t host_width) {
  const std::string at = short_seconds(time);
  std::string line = at.size() < 12 ? std::string(12 - at.size(), ' ') + at : at;
  line += "  " + (host.empty() ? "-" : host);
  fill(line, 16 + host_width);
  return line;
}

std::string faults_text(const choices& c) {
  std::size_t width = 1;
  for (const choice& one : c.taken()) width = std::max(width, c.host_name(one.host).size());
  std::string lines;
  std::size_t shown = 0;
  for (const choice& one : c.taken()) {
    if (shown++ == most_faults) {
      lines += "     … and " + number_text(c.taken().size() - most_faults) + " more\n";
      break;
    }
    lines += line_head(one.time, c.host_name(one.host), width) + c.phrase(one) + '\n';
  }
  return lines;
}

std::string title(std::string_view name, std::uint64_t seed, std::int64_t at) {
  return "eddy: simulation " + std::string(name) + (name.empty() ? "" : " ") + "failed: seed " +
         std::to_string(seed) + (seed ? "" : " (the ordinary world)") + ", at " +
         short_seconds(at) + "\n";
}

std::string last_events(const run_state& run, const char* which) {
  const std::size_t all = run.told().size();
  if (!all) return "";
  std::string text = std::string("  the ") + which + ", ";
  text += all > most_events ? "last " + std::to_string(most_events) + " of " : "";
  return text + count_text(all, "event", "events") + ":\n" + trace_text(run.told(), most_events);
}

}  // namespace

std::string count_text(std::uint64_t n, const char* one, const char* more) {
  return number_text(n) + ' ' + (n == 1 ? one : more);
}

std::string reason_lines(const run_failure& f) {
  std::string line = "  " + f.reason();
  if (!f.file.empty()) {
    fill(line, place_column - 1);
    line += " " + f.file + ":" + std::to_string(f.line);
  }
  return line + '\n' + indented(f.details);
}

std::string number_text(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string trace_text(const std::vector<told_event>& told, std::size_t most) {
  const std::size_t first = told.size() > most ? told.size() - most : 0;
  std::size_t width = 1;
  for (std::size_t i = first; i < told.size(); ++i) width = std::max(width, told[i].host.size());
  std::string lines;
  for (std::size_t i = first; i < told.size(); ++i) {
    std::string line = line_head(told[i].time, told[i].host, width) + told[i].text;
    if (!told[i].place.empty()) {
      fill(line, place_column - 1);
      line += " " + told[i].place;
    }
    lines += line + '\n';
  }
  return lines;
}

std::string full_report(const run_state& run, const report_facts& facts) {
  std::string text = title(facts.name, run.seed(), facts.failed_at) + reason_lines(run.failure());
  text += "  " + count_text(facts.faults, "fault", "faults") + " in " +
          count_text(facts.choices, "choice", "choices");
  if (facts.shrink_runs) {
    const std::int64_t tenths = facts.shrink_time / 100'000'000;
    text += ", shrunk in " + count_text(facts.shrink_runs, "run", "runs") + " (" +
            std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s) to " +
            std::to_string(run.choice.taken().size());
  }
  text += run.choice.taken().empty() ? "\n" : ":\n";
  text += faults_text(run.choice);
  if (!facts.remark.empty()) text += "  " + facts.remark + '\n';
  text += "  again: " + facts.again;
  if (!facts.shorter.empty()) text += "     short: " + facts.shorter;
  text += '\n';
  text += last_events(run, facts.shrink_runs ? "short run" : "run");
  text.pop_back();
  return text;
}

std::string plain_report(const run_state& run) {
  std::string text = title("", run.seed(), run.failure().time) + reason_lines(run.failure()) +
                     "  " + count_text(run.choice.taken().size(), "fault", "faults") + " in " +
                     count_text(run.choice.drawn(), "choice", "choices") +
                     (run.choice.taken().empty() ? "\n" : ":\n") + faults_text(run.choice) +
                     last_events(run, "run");
  text.pop_back();
  return text;
}

}  // namespace eddy::detail
