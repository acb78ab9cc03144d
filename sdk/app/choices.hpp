// Choices of the plugins and devices that a run uses.
#pragma once
#include <vector>

#include "app/machine.hpp"
#include "app/plugins.hpp"
#include "core/dry_run/measure.hpp"
#include "core/run/compute.hpp"
#include "core/run/model.hpp"

namespace strata::app {

// Whether to compute on the GPU. Throws Error if the options ask for one that is not there.
bool choose_cuda(const RunOptions& options, const CudaMemory& cuda);

bool reads_files(const strata_offload& table);
bool maps(const strata_offload& table);

// The tiers in the order in which they are filled. For "auto": the best tier that maps its memory,
// then the best one that reads files in place.
std::vector<const registry::Candidate*> choose_tiers(const RunOptions& options, Plugins& plugins);

// The best tier that maps its memory, or the one of this name.
const registry::Candidate& choose_memory(const std::string& name, Plugins& plugins);

// The best tier that reads files; null if there is none.
const registry::Candidate* find_file_reader(Plugins& plugins);
// The same; throws UsageError if there is none.
const registry::Candidate& file_reader(Plugins& plugins);

// The attention requests of all units of the family.
std::vector<strata_attention_request> attention_requests(const run::Model& model,
                                                         strata_dtype dtype, bool cuda);

// The backend that serves all requests; the best is the one whose lowest score is highest.
const registry::Candidate& choose_attention(const RunOptions& options, Plugins& plugins,
                                            const std::vector<strata_attention_request>& requests);

// Refuses a backend whose manifest says that its results stand for nothing, for a run whose results
// count. Throws UsageError.
void need_results(const registry::Candidate& attention);

// The bytes of workspace that the backend's instances for a model's layers report.
dry_run::AttentionBytes bytes_of(const strata_attention& table, const std::string& name,
                                 const strata_host* host);

// The number of threads, bounded: many more threads than cores would wait for each other.
int threads_of(const RunOptions& options, const Log& log);

// The tables that a tier gets beside the user's own.
nlohmann::json tier_extras(const RunOptions& options);

// The parts of ComputeOptions that follow from the model and the chosen plugins.
run::ComputeOptions compute_options(const RunOptions& options, const run::Model& model,
                                    const registry::Candidate& attention, bool cuda,
                                    Plugins& plugins);

}  // namespace strata::app
