export {
  createHttp,
  type Http,
  type HttpOptions,
  httpProblems,
  mountRoutes,
  presentProblem,
  type Routes,
} from './http.ts';
