import COpenBLAS

/// All calls to OpenBLAS.
package enum BLAS {
    /// Name of the kernels that OpenBLAS chose for this CPU.
    package static var core: String { String(cString: openblas_get_corename()) }

    /// Leaves the cores to our own pool.
    static func runSingleThreaded() { openblas_set_num_threads(1) }

    /// `c = scale * a * b(T) + beta * c`, all row-major: a `[m, k]`, c `[m, n]`, and b `[n, k]` when `transposed`, else `[k, n]`.
    ///
    /// The `…Stride` values are distances between rows, in elements.
    static func gemm(
        _ m: Int, _ n: Int, _ k: Int,
        _ a: UnsafePointer<Float>, stride aStride: Int,
        _ b: UnsafePointer<Float>, stride bStride: Int, transposed: Bool,
        beta: Float = 0,
        _ c: UnsafeMutablePointer<Float>, stride cStride: Int
    ) {
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans,
            Int32(m), Int32(n), Int32(k), 1, a, Int32(aStride), b, Int32(bStride), beta,
            c, Int32(cStride))
    }
}
