// Random orders that any step of any run can compute again.
#pragma once
#include <cstdint>
#include <vector>

namespace strata::data {

// The numbers below `count` in the order of their keys, equal keys by number. The key of a number
// is mix(mix(mix(seed) + round) + number), where mix is the output function of SplitMix64 after one
// step: z += 0x9e3779b97f4a7c15; z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
// z = (z ^ z >> 27) * 0x94d049bb133111eb; z ^ z >> 31.
std::vector<std::uint32_t> shuffled(std::uint32_t count, std::uint64_t seed, std::uint64_t round);

struct Split {
  std::vector<std::uint32_t> training, validation;  // row numbers in ascending order
};

// Takes `fraction` of the rows, above 0 and below 1, rounded and at least one, for validation: the
// first ones of shuffled(rows, seed, 2^64 - 1), or the last rows where `shuffle` is false. Throws
// UsageError where the fraction is another or no row is left for training.
Split split_rows(std::uint32_t rows, double fraction, std::uint64_t seed, bool shuffle);

// All rows for training.
Split unsplit(std::uint32_t rows);

}  // namespace strata::data
