// Times oneDNN's matrix products at the shapes of a guided step of F5TTS_v1_Base: onednn FRAMES
//
// Weights are packed beforehand as oneDNN likes them best, as Skald's are; the left operand is already
// rounded. Int8 is u8 times s8 with one scale for each row left out, which only helps it. GFLOP/s (GOP/s) of
// the fastest run of each, in lines of name, format and figure.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

using namespace dnnl;
using Clock = std::chrono::steady_clock;

static double rate(engine &cpu, memory::dim rows, memory::dim columns, memory::dim depth, bool isInt8) {
    const auto left = isInt8 ? memory::data_type::u8 : memory::data_type::bf16;
    const auto right = isInt8 ? memory::data_type::s8 : memory::data_type::bf16;
    const auto sum = isInt8 ? memory::data_type::s32 : memory::data_type::f32;
    const memory::desc a({rows, depth}, left, memory::format_tag::ab);
    const memory::desc b({depth, columns}, right, memory::format_tag::any);
    const memory::desc c({rows, columns}, sum, memory::format_tag::ab);
    const matmul::primitive_desc chosen(matmul::desc(a, b, c), cpu);
    const matmul product(chosen);
    memory x(chosen.src_desc(), cpu), weights(chosen.weights_desc(), cpu), y(chosen.dst_desc(), cpu);
    for (memory *each : {&x, &weights}) {
        auto *bytes = static_cast<unsigned char *>(each->get_data_handle());
        for (size_t i = 0; i < each->get_desc().get_size(); i++) bytes[i] = isInt8 ? 1 : (i % 2 ? 0x3F : 0x80);
    }
    stream work(cpu);
    double best = 0;
    const auto begin = Clock::now();
    for (int run = 0; run < 3 || Clock::now() - begin < std::chrono::milliseconds(300); run++) {
        const auto start = Clock::now();
        product.execute(work, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, y}});
        work.wait();
        const std::chrono::duration<double> seconds = Clock::now() - start;
        const double found = 2e-9 * double(rows) * double(columns) * double(depth) / seconds.count();
        if (found > best) best = found;
    }
    return best;
}

int main(int count, char **arguments) {
    const memory::dim frames = count > 1 ? std::atoi(arguments[1]) : 1000;
    engine cpu(engine::kind::cpu, 0);
    const struct {
        const char *name;
        memory::dim rows, columns, depth;
    } shapes[] = {
        {"projection", 2 * frames, 1024, 1024},
        {"feed_forward_in", 2 * frames, 2048, 1024},
        {"feed_forward_out", 2 * frames, 1024, 2048},
        {"attention_scores", 64, frames, 64},
        {"attention_values", 64, 64, frames},
    };
    for (const bool isInt8 : {false, true})
        for (const auto &shape : shapes) {
            const double found = rate(cpu, shape.rows, shape.columns, shape.depth, isInt8);
            std::printf("%-18s %-5s %8.1f\n", shape.name, isInt8 ? "int8" : "bf16", found);
        }
}
