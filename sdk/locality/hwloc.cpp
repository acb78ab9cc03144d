// The machine by hwloc: a library of its own, which is opened when cores are bound.
#include <hwloc.h>

#include <cerrno>

#include "locality/topology.hpp"

namespace strata::locality {
namespace {

using Bitmap = std::unique_ptr<hwloc_bitmap_s, decltype(&hwloc_bitmap_free)>;

class Hwloc final : public Topology {
 public:
  explicit Hwloc(hwloc_topology_t machine) : machine_(machine) {}
  ~Hwloc() override { hwloc_topology_destroy(machine_); }
  Hwloc(const Hwloc&) = delete;
  Hwloc& operator=(const Hwloc&) = delete;

  // Where the system does not tell which hardware threads are one core, each counts as a core.
  std::vector<Core> cores() const override {
    auto out = of_type(HWLOC_OBJ_CORE);
    return out.empty() ? of_type(HWLOC_OBJ_PU) : out;
  }

  Bound bind(std::span<const Core> cores) override {
    const Bitmap cpus(hwloc_bitmap_alloc(), hwloc_bitmap_free);
    const Bitmap nodes(hwloc_bitmap_alloc(), hwloc_bitmap_free);
    if (!cpus || !nodes) return {ENOMEM, 0};
    for (const auto& core : cores) {
      hwloc_bitmap_set(nodes.get(), core.node);
      for (const auto cpu : core.cpus) hwloc_bitmap_set(cpus.get(), cpu);
    }
    if (hwloc_set_cpubind(machine_, cpus.get(), HWLOC_CPUBIND_PROCESS) != 0) return {errno, 0};
    if (hwloc_get_nbobjs_by_type(machine_, HWLOC_OBJ_NUMANODE) < 2) return {};
    // Without HWLOC_MEMBIND_STRICT the nodes are preferred: full ones do not end the process.
    constexpr int flags = HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET;
    return {0, hwloc_set_membind(machine_, nodes.get(), HWLOC_MEMBIND_BIND, flags) ? errno : 0};
  }

 private:
  std::vector<Core> of_type(hwloc_obj_type_t type) const {
    std::vector<Core> out;
    for (auto* at = hwloc_get_next_obj_by_type(machine_, type, nullptr); at;
         at = hwloc_get_next_obj_by_type(machine_, type, at)) {
      const auto node = hwloc_bitmap_first(at->nodeset);
      Core core{node < 0 ? 0 : static_cast<uint32_t>(node), {}};
      for (auto cpu = hwloc_bitmap_first(at->cpuset); cpu >= 0;
           cpu = hwloc_bitmap_next(at->cpuset, cpu))
        core.cpus.push_back(static_cast<uint32_t>(cpu));
      if (!core.cpus.empty()) out.push_back(std::move(core));
    }
    return out;
  }

  hwloc_topology_t machine_;
};

std::unique_ptr<Topology> open() {
  hwloc_topology_t machine = nullptr;
  if (hwloc_topology_init(&machine) != 0) return nullptr;
  auto out = std::make_unique<Hwloc>(machine);
  constexpr unsigned long flags = HWLOC_TOPOLOGY_FLAG_IS_THISSYSTEM |
                                  HWLOC_TOPOLOGY_FLAG_RESTRICT_TO_CPUBINDING |
                                  HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING;
  if (hwloc_topology_set_flags(machine, flags) != 0 || hwloc_topology_load(machine) != 0)
    return nullptr;
  return out;
}

}  // namespace
}  // namespace strata::locality

extern "C" __attribute__((visibility("default"))) std::unique_ptr<strata::locality::Topology>
strata_open_topology() {
  return strata::locality::open();
}
