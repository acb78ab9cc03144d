// A trie that finds strings and their ids at the beginning of a text: one flat table of edges.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace strata::text {

class Trie {
 public:
  static constexpr std::size_t longest = 1024;  // most bytes of a string
  static constexpr uint32_t root = 0;
  static constexpr uint32_t none = ~uint32_t{0};

  Trie();
  // Throws std::invalid_argument with the fact where `text` is longer than that.
  void insert(std::string_view text, int32_t id);

  // The node that a byte leads to, or `none`.
  uint32_t next(uint32_t node, char byte) const {
    const auto wanted = key(node, byte);
    for (auto at = slot(wanted);; at = (at + 1) & mask_) {
      if (edges_[at].key == wanted) return edges_[at].to;
      if (edges_[at].to == none) return none;
    }
  }
  // The id of the string that ends at a node, -1 where none does.
  int32_t id(uint32_t node) const { return ids_[node]; }

 private:
  struct Edge {
    uint64_t key = ~uint64_t{0};
    uint32_t to = none;
  };

  static uint64_t key(uint32_t node, char byte) {
    return uint64_t{node} << 8 | static_cast<unsigned char>(byte);
  }
  std::size_t slot(uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15u) >> 32) & mask_;
  }
  void put(Edge edge);

  std::vector<Edge> edges_;  // open addressing; at most half of them are used
  std::size_t mask_;
  std::vector<int32_t> ids_;
};

}  // namespace strata::text
