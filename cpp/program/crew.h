#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "program/stretch.h"

namespace lamella {

using Stretches = std::vector<std::shared_ptr<Stretch>>;

// Trains many models side by side: each thread takes one at a time, whole stretches long, and none waits for another.
// Models that gain more from all threads together are trained one after the other. `next` is told of each stretch that
// has ended, by the thread that trained it, and gives those that are to be trained in its place, first of all.
// There are `models` in all.
void train_side_by_side(Stretches stretches, std::size_t models,
                        const std::function<Stretches(const std::shared_ptr<Stretch>&)>& next,
                        const std::function<bool()>& poll);

// The same for predictions: n rows of x -> n rows of out for each runner, one runner's after the other's.
void predict_side_by_side(const std::vector<std::shared_ptr<Runner>>& runners, const char* x, Index x_bytes, char* out,
                          Index out_bytes, Index n, Index block);

}  // namespace lamella
