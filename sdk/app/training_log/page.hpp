// A page about a run: curves, the timeline of one step, the settings.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/training_log/records.hpp"

namespace strata::training_log {

struct Page {
  std::string title;                                          // plain text, as are all others
  std::vector<std::string> notes;                             // lines below the title
  std::vector<std::pair<std::string, std::string>> settings;  // name, value
  std::span<const StepRecord> steps;                          // steps ascending
  std::span<const ValidationRecord> validations;
  std::span<const LaneSpan> timeline;  // of one step; may be empty
};

// Every page begins so.
extern const std::string_view page_beginning;

// One HTML file that needs nothing else: no script, no resource from elsewhere. It follows the
// reader's choice of light or dark.
std::string page_html(const Page& page);

// Writes the page whole or not at all, and replaces an existing file.
void write_page(const std::string& path, const Page& page);

}  // namespace strata::training_log
