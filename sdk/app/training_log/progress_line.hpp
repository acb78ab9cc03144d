// The line that shows a run's progress.
#pragma once
#include <string>

#include "app/training_log/records.hpp"

namespace strata::training_log {

// "step 12/300  loss 1.2345  lr 1.0e-05  |g| 0.83  3,412 tokens/s  41.2 TFLOPS  moved 12.3 GiB
// left 3 min 20 s", in ASCII. Moved are the step's bytes over the link, in both directions; bytes
// of the disk follow as "disk 3.4 GiB". Parts that are unknown or nothing are left out.
std::string progress_line(const StepRecord& step);

}  // namespace strata::training_log
