#include "text/trie.hpp"

#include <stdexcept>
#include <string>
#include <utility>

namespace strata::text {

Trie::Trie() : edges_(1 << 10), mask_(edges_.size() - 1), ids_{-1} {}

void Trie::insert(std::string_view text, int32_t id) {
  if (text.size() > longest)
    throw std::invalid_argument("a token of " + std::to_string(text.size()) + " bytes");
  auto node = root;
  for (const char byte : text) {
    auto to = next(node, byte);
    if (to == none) {
      to = static_cast<uint32_t>(ids_.size());
      ids_.push_back(-1);
      put({key(node, byte), to});
    }
    node = to;
  }
  ids_[node] = id;
}

void Trie::put(Edge edge) {
  if (2 * ids_.size() > edges_.size()) {
    const auto old = std::exchange(edges_, std::vector<Edge>(2 * edges_.size()));
    mask_ = edges_.size() - 1;
    for (const auto& one : old)
      if (one.to != none) put(one);
  }
  auto at = slot(edge.key);
  while (edges_[at].to != none) at = (at + 1) & mask_;
  edges_[at] = edge;
}

}  // namespace strata::text
