import COpenBLAS

/// All calls to OpenBLAS.
package enum BLAS {
    /// Name of the kernels that OpenBLAS chose for this CPU.
    package static var core: String { String(cString: openblas_get_corename()) }

    /// Done before the first product: the cores are left to our own pool.
    private static let singleThreaded: Void = openblas_set_num_threads(1)

    /// `c = op(a) op(b) + beta c`, all row-major: op(a) `[m, k]`, op(b) `[k, n]`, c `[m, n]`.
    ///
    /// A transposed operand lies in memory as its transpose, `[k, m]` or `[n, k]`. The strides are
    /// distances between rows as they lie in memory, in elements.
    static func gemm(
        _ m: Int, _ n: Int, _ k: Int,
        _ a: UnsafePointer<Float>, stride aStride: Int, transposedA: Bool = false,
        _ b: UnsafePointer<Float>, stride bStride: Int, transposedB: Bool = false,
        beta: Float = 0,
        _ c: UnsafeMutablePointer<Float>, stride cStride: Int
    ) {
        _ = singleThreaded
        cblas_sgemm(
            CblasRowMajor, transposedA ? CblasTrans : CblasNoTrans,
            transposedB ? CblasTrans : CblasNoTrans,
            Int32(m), Int32(n), Int32(k), 1, a, Int32(aStride), b, Int32(bStride), beta,
            c, Int32(cStride))
    }
}
