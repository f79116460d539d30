#include "program/crew.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <tuple>
#include <utility>

#include "core/threads.h"

namespace lamella {
namespace {

using namespace std::chrono_literals;

// Buffers of one thread, lent to the models that it trains: they hold nothing between replays.
class Buffers {
 public:
  // Gives a runner buffers that fit its program, or takes them back.
  void exchange(Runner& runner, int role) {
    const Program& program = runner.program();
    const auto key = std::make_tuple(role, program.row_elements(), program.fixed_elements(), program.dtype());
    runner.exchange(workspaces_[key]);
  }

 private:
  std::map<std::tuple<int, Index, Index, DType>, Runner::Workspaces> workspaces_;
};

// For as long as it lives the runners of one model, the first of which has its memory, have those buffers.
class Lent {
 public:
  Lent(Buffers& buffers, std::vector<Runner*> runners) : buffers_(buffers), runners_(std::move(runners)) { exchange(); }
  ~Lent() { exchange(); }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

 private:
  void exchange() {
    const std::unique_lock<std::mutex> alone = runners_.front()->memory().lock();  // another thread may predict with it
    for (std::size_t role = 0; role < runners_.size(); ++role) {
      if (runners_[role]) buffers_.exchange(*runners_[role], static_cast<int>(role));
    }
  }

  Buffers& buffers_;
  std::vector<Runner*> runners_;
};

// Whether a model gains more from all threads together than from its own share of them, beside so many others.
bool takes_team(Stretch& stretch, std::size_t models) {
  Runner& runner = stretch.runner();
  const Work work = runner.work(0, static_cast<int>(runner.program().ranges().size()) - 1);
  return team_beats_crew(work, std::min(stretch.plan().batch_size, stretch.plan().rows), models);
}

// What threads share: stretches that wait, and how many are being trained.
class Queue {
 public:
  Queue(Stretches stretches, std::atomic<bool>& stop) : stop_(stop), waiting_(stretches.begin(), stretches.end()) {}

  // The next one, or null where there is none and none will come; `idle` is called now and then during the wait.
  template <typename Idle>
  std::shared_ptr<Stretch> take(const Idle& idle) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (waiting_.empty() && training_ > 0 && !stop_) {
      changed_.wait_for(lock, 50ms);
      lock.unlock();
      idle();
      lock.lock();
    }
    if (waiting_.empty() || stop_) return nullptr;
    std::shared_ptr<Stretch> taken = std::move(waiting_.front());
    waiting_.pop_front();
    ++training_;
    return taken;
  }

  void give_back(const Stretches& more) {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.insert(waiting_.begin(), more.begin(), more.end());
    --training_;
    changed_.notify_all();
  }

  void end() {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }

  bool empty() const { return waiting_.empty(); }

 private:
  std::atomic<bool>& stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Stretch>> waiting_;
  int training_ = 0;
};

}  // namespace

void train_side_by_side(Stretches stretches, std::size_t models,
                        const std::function<Stretches(const std::shared_ptr<Stretch>&)>& next,
                        const std::function<bool()>& poll) {
  std::atomic<bool> stop{false};
  Stretches together, apart;  // what is to be trained first comes last in `together`
  const auto sort_in = [&](const Stretches& given) {
    Stretches large;
    for (const std::shared_ptr<Stretch>& stretch : given) {
      (takes_team(*stretch, models) ? large : apart).push_back(stretch);
    }
    together.insert(together.end(), large.rbegin(), large.rend());
  };
  sort_in(stretches);
  stretches.clear();
  Buffers of_all;
  while (!together.empty() && !stop) {
    const std::shared_ptr<Stretch> stretch = std::move(together.back());
    together.pop_back();
    Interrupt interrupt(stop, poll);
    {
      const Lent lent(of_all, stretch->runners());
      stretch->run(interrupt);
    }
    sort_in(next(stretch));  // what comes after a large model may not be one
  }
  Queue queue(std::move(apart), stop);
  if (queue.empty()) return;
  const auto threads = static_cast<int>(std::min<std::size_t>(models, static_cast<std::size_t>(max_threads())));
  run_crew(threads, [&](int rank) {
    try {
      const OneThread alone;
      Interrupt interrupt(stop, rank == 0 ? poll : nullptr);
      Buffers buffers;
      const auto idle = [&] { interrupt.poll(); };
      while (const std::shared_ptr<Stretch> stretch = queue.take(idle)) {
        {
          const Lent lent(buffers, stretch->runners());
          stretch->run(interrupt);
        }
        queue.give_back(next(stretch));
      }
    } catch (...) {
      queue.end();
      throw;
    }
  });
}

void predict_side_by_side(const std::vector<std::shared_ptr<Runner>>& runners, const char* x, Index x_bytes, char* out,
                          Index out_bytes, Index n, Index block) {
  std::atomic<std::size_t> taken{0};
  const auto predict = [&] {
    Buffers buffers;
    for (std::size_t i = taken++; i < runners.size(); i = taken++) {
      Runner& runner = *runners[i];
      const Lent lent(buffers, {&runner});
      const std::unique_lock<std::mutex> alone = runner.memory().lock();
      const int last = static_cast<int>(runner.program().ranges().size()) - 1;
      runner.blocks(0, last, x, x_bytes, out + static_cast<Index>(i) * n * out_bytes, out_bytes, n, block);
    }
  };
  if (runners.size() < static_cast<std::size_t>(max_threads())) {  // all threads on one after the other
    predict();
    return;
  }
  run_crew(max_threads(), [&](int) {
    const OneThread alone;
    predict();
  });
}

}  // namespace lamella
