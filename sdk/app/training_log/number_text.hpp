// Numbers as people read them, with a decimal point in every locale.
#pragma once
#include <cstdint>
#include <string>

namespace strata::training_log {

// As printf's %.<digits>f and %.<digits>e; "nan", "inf" and "-inf".
std::string fixed(double value, int digits);
std::string scientific(double value, int digits);

// Three significant digits, of large values all before the point: "0.0123", "1.2", "41.3", "1234".
std::string significant(double value);

// `text` behind spaces, as wide as `width` at least.
std::string padded(std::string text, std::size_t width);

// "1,234,567".
std::string grouped(uint64_t value);

// "20 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". Empty for a negative or infinite time.
std::string duration_text(double seconds);

}  // namespace strata::training_log
