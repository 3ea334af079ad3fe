/** Whether prepared statements mean the same on both servers: what was described on one is compared with what is on the other. */
import type { Finding } from '../../contract/index.ts';
import { block } from '../dialect.ts';
import { isError, shapeDifference, statementName, type StatementShapes } from './describe.ts';

/**
 * Statements that cannot be used where they are: a table is gone, or has another shape than they were prepared for. They can be used again
 * when it is back; on another server they would be missing, or silently get what is there by then.
 */
export function deadStatements(shapes: StatementShapes): Finding[] {
  return [...shapes].flatMap(([name, shape]) =>
    isError(shape)
      ? [
          block(
            'dead_statement',
            `${statementName(name)} cannot be used where it is either: ${shape.message} (${shape.sqlState})`,
            'It can move once the statement is deallocated, or what it needs is there again.',
          ),
        ]
      : [],
  );
}

const NO_SUCH_STATEMENT = '26000';

/** Statements that would mean something else on the target; none if one is missing there, which is the restore's failure and no difference. */
export function differingStatements(here: StatementShapes, there: StatementShapes): Finding[] {
  if ([...there.values()].some((shape) => isError(shape) && shape.sqlState === NO_SUCH_STATEMENT)) return [];
  return [...here].flatMap(([name, shape]) => {
    if (isError(shape)) return [];
    const other = there.get(name);
    const subject = statementName(name);
    if (other === undefined) return [block('statement', `${subject} could not be compared with what it means on the target`)];
    if (isError(other)) return [block('statement', `${subject} cannot be used on the target: ${other.message} (${other.sqlState})`)];
    const difference = shapeDifference(shape, other);
    if (difference === null) return [];
    return [
      block(
        'statement',
        `${subject} means something else on the target: ${difference}`,
        'The client would misread its rows. It can move once the tables are alike, or the statement is deallocated.',
      ),
    ];
  });
}
